package asymml.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import asymml.privacy.Ledger;
import asymml.session.ResolvedRun;
import asymml.session.SessionListener;
import asymml.session.Settings;
import asymml.session.TrainingResult;
import asymml.session.TrainingSession;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.train.EpochTotals;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Training on two partitions in one JVM.
class SparkTrainingTest {
  private static final Shape SHAPE = new Shape(16, 16, 3);
  private static final int TRAIN = 80;
  private static final int TEST = 20;
  private static SparkSession spark;

  @TempDir private Path directory;

  @BeforeAll
  static void start() {
    spark =
        SparkSession.builder()
            .master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "2")
            .getOrCreate();
  }

  @AfterAll
  static void stop() {
    spark.stop();
  }

  private static byte[] pixels(int image, int label) {
    byte[] pixels = new byte[SHAPE.size()];
    new Random(image).nextBytes(pixels);
    for (int i = label; i < pixels.length; i += 2) {
      pixels[i] = (byte) (label * 200);
    }
    return pixels;
  }

  private static ImageSet images(int from, int count) {
    byte[] all = new byte[count * SHAPE.size()];
    int[] labels = new int[count];
    for (int i = 0; i < count; i++) {
      labels[i] = (from + i) % 2;
      System.arraycopy(pixels(from + i, labels[i]), 0, all, i * SHAPE.size(), SHAPE.size());
    }
    return ImageSet.of(SHAPE, List.of("0", "1"), labels, all);
  }

  private static byte[] png(byte[] pixels) throws Exception {
    BufferedImage image =
        new BufferedImage(SHAPE.width(), SHAPE.height(), BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < SHAPE.pixels(); i++) {
      int rgb =
          (pixels[3 * i] & 0xFF) << 16 | (pixels[3 * i + 1] & 0xFF) << 8 | pixels[3 * i + 2] & 0xFF;
      image.setRGB(i % SHAPE.width(), i / SHAPE.width(), rgb);
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ImageIO.write(image, "png", out);
    return out.toByteArray();
  }

  private static Dataset<Row> rows(int from, int count) throws Exception {
    List<Row> rows = new ArrayList<>();
    for (int i = from; i < from + count; i++) {
      rows.add(RowFactory.create(png(pixels(i, i % 2)), Integer.toString(i % 2)));
    }
    return spark.createDataFrame(context().parallelize(rows, 2), ImageRows.SCHEMA);
  }

  private static JavaSparkContext context() {
    return new JavaSparkContext(spark.sparkContext());
  }

  private static TrainingSpec spec(String... settings) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("model", "cnn");
    values.put("norm", "group");
    values.put("threads", "1");
    values.put("batch-size", "16");
    values.put("learning-rate", "0.002");
    values.put("augment", "true");
    for (int i = 0; i < settings.length; i += 2) {
      values.put(settings[i], settings[i + 1]);
    }
    return new Settings(values).spec();
  }

  private static final class Losses implements SessionListener {
    private final List<Double> sums = new ArrayList<>();

    @Override
    public void stepDone(EpochTotals totals) {
      sums.add(totals.lossSum());
    }
  }

  private TrainingResult train(TrainingSpec spec, SessionListener listener, String name)
      throws Exception {
    return new SparkRun(context(), spec)
        .listener(listener)
        .train(
            "rows",
            rows(0, TRAIN),
            rows(TRAIN, TEST),
            directory.resolve(name),
            false,
            (_, _, _) -> {});
  }

  @Test
  void two_partitions_give_the_losses_of_one_process_over_twenty_steps() throws Exception {
    TrainingSpec spec = spec("mode", "trusted-only", "epochs", "4");
    Losses here = new Losses();
    DataSet data =
        new DataSet(
            "rows",
            images(0, TRAIN),
            images(TRAIN, TEST),
            Normalization.of(images(0, TRAIN)),
            true,
            2);
    try (TrainingSession session =
        TrainingSession.create(ResolvedRun.of(spec, data, null), directory.resolve("one"))) {
      session.listener(here).train();
    }
    Losses there = new Losses();
    TrainingResult result = train(spec, there, "two");
    assertThat(there.sums).hasSize(20);
    IntStream.range(0, 20)
        .forEach(i ->
            assertThat(there.sums.get(i))
                .as("loss of step %s", i)
                .isCloseTo(here.sums.get(i), Percentage.withPercentage(0.01)));
    assertThat(result.epochs()).hasSize(4);
  }

  @Test
  void the_ledger_of_dp_sgd_is_that_of_one_process() throws Exception {
    TrainingSpec spec =
        spec(
            "mode", "trusted-only", "epochs", "1", "augment", "false", "dp-sgd", "true",
            "logical-batch-size", "20", "noise-multiplier", "2", "delta", "1e-3");
    TrainingResult result = train(spec, new SessionListener() {}, "private");
    Ledger there = LedgerFile.read(result.layout());
    DataSet data =
        new DataSet(
            "rows",
            images(0, TRAIN),
            images(TRAIN, TEST),
            Normalization.of(images(0, TRAIN)),
            true,
            2);
    try (TrainingSession session =
        TrainingSession.create(ResolvedRun.of(spec, data, null), directory.resolve("one"))) {
      session.train();
      assertThat(there).isEqualTo(LedgerFile.read(session.layout()));
    }
    assertThat(there.steps()).isEqualTo(4);
  }

  @Test
  void batch_norm_and_accounts_without_dp_sgd_are_refused() {
    assertThatThrownBy(() -> train(spec("norm", "batch", "mode", "trusted-only"), new Losses(), "a"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("--norm group");
    assertThatThrownBy(
            () -> train(spec("mode", "asymml"), new Losses(), "b"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("--mode trusted-only");
  }
}
