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
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunFile;
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
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Training on two partitions in one JVM.
class SparkTrainingTest {
  private static final Shape SHAPE = new Shape(8, 8, 3);
  private static final int TRAIN = 80;
  private static final int TEST = 20;
  private static final SparkSession SPARK = LocalSpark.session();

  @TempDir private Path directory;

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
    return SPARK.createDataFrame(context().parallelize(rows, 2), ImageRows.SCHEMA);
  }

  private static JavaSparkContext context() {
    return new JavaSparkContext(SPARK.sparkContext());
  }

  private static TrainingSpec spec(String... settings) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("model", "cnn");
    values.put("mode", "trusted-only");
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

  private static final TrainingSpec PRIVATE =
      spec(
          "epochs",
          "1",
          "augment",
          "false",
          "dp-sgd",
          "true",
          "logical-batch-size",
          "20",
          "noise-multiplier",
          "2",
          "delta",
          "1e-3");

  private static final class Losses implements SessionListener {
    private final List<Double> sums = new ArrayList<>();

    @Override
    public void stepDone(EpochTotals totals) {
      sums.add(totals.lossSum());
    }
  }

  private TrainingResult train(TrainingSpec spec, SessionListener listener, String name)
      throws Exception {
    return run(spec, listener, name, rows(0, TRAIN), false);
  }

  private TrainingResult run(
      TrainingSpec spec,
      SessionListener listener,
      String name,
      Dataset<Row> training,
      boolean resumes)
      throws Exception {
    return new SparkRun(context(), spec)
        .listener(listener)
        .train(
            "rows", training, rows(TRAIN, TEST), directory.resolve(name), resumes, (_, _, _) -> {});
  }

  @Test
  void two_partitions_give_the_losses_of_one_process_over_twenty_steps() throws Exception {
    TrainingSpec spec = spec("epochs", "4");
    Losses here = new Losses();
    DataSet data =
        new DataSet(
            "rows",
            images(0, TRAIN),
            images(TRAIN, TEST),
            Normalization.of(images(0, TRAIN)),
            true,
            1);
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
    assertThat(RunFile.read(result.layout().directory().resolve("steps.json")))
        .containsEntry("steps", 20 - StageTimes.FIRST)
        .containsEntry("tasks", 2);
  }

  @Test
  void the_ledger_of_dp_sgd_is_that_of_one_process() throws Exception {
    TrainingResult result = train(PRIVATE, new SessionListener() {}, "private");
    Ledger there = LedgerFile.read(result.layout());
    DataSet data =
        new DataSet(
            "rows",
            images(0, TRAIN),
            images(TRAIN, TEST),
            Normalization.of(images(0, TRAIN)),
            true,
            1);
    try (TrainingSession session =
        TrainingSession.create(ResolvedRun.of(PRIVATE, data, null), directory.resolve("one"))) {
      session.train();
      assertThat(there).isEqualTo(LedgerFile.read(session.layout()));
    }
    assertThat(there.steps()).isEqualTo(4);
  }

  /// Dies after a step, as a driver that is killed.
  private record Dying(int after) implements SessionListener {
    @Override
    public void stepDone(EpochTotals totals) {
      if (totals.batches() == after) {
        throw new IllegalStateException("killed");
      }
    }
  }

  @Test
  void a_driver_that_dies_is_resumed_to_the_same_bytes() throws Exception {
    TrainingSpec spec = spec("epochs", "2");
    Path whole = train(spec, new SessionListener() {}, "whole").layout().checkpoint();
    assertThatThrownBy(() -> train(spec, new Dying(3), "dead")).hasMessage("killed");
    TrainingResult resumed = run(spec, new SessionListener() {}, "dead", rows(0, TRAIN), true);
    assertThat(resumed.epochs()).hasSize(2);
    assertThat(resumed.layout().checkpoint()).hasSameBinaryContentAs(whole);
  }

  @Test
  void copies_of_an_image_are_refused_where_each_counts_once() {
    assertThatThrownBy(() ->
            run(
                PRIVATE,
                new SessionListener() {},
                "copies",
                rows(0, TRAIN).union(rows(0, 1)),
                false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("1 of the training images");
  }

  /// A partition that Spark has lost and reads again: an example could be in two partitions.
  @Test
  void other_rows_than_before_are_refused() throws Exception {
    LabelledPart part = new LabelledPart(0, new byte[][] {{1}, {2}}, new String[] {"a", "b"});
    LabelledPart other = new LabelledPart(0, new byte[][] {{2}, {1}}, new String[] {"a", "b"});
    Map<String, Integer> classes = Map.of("a", 0, "b", 1);
    int[] numbers = {4, 5};
    assertThat(part.part(part.digest(), new int[] {0, 1}, numbers, classes).labels())
        .containsExactly(0, 1);
    assertThatThrownBy(() -> other.part(part.digest(), new int[] {0, 1}, numbers, classes))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("has changed");
  }

  @Test
  void settings_that_are_not_for_spark_are_refused_before_anything_starts() {
    assertRefused(spec("norm", "batch"), "--norm group");
    assertRefused(spec("mode", "asymml"), "--mode trusted-only");
    assertRefused(spec("validation-split", "0.2"), "no validation images");
    assertRefused(spec("class-weights", "1,2"), "class weights");
    assertRefused(spec("analyze-every", "1"), "rank analyses");
    assertRefused(spec("window", "0:4095"), "windows");
    assertRefused(spec("image-cache", "2G"), "caches of decoded images (image-cache)");
    assertRefused(spec("init", "model.safetensors"), "initial parameters");
    assertRefused(spec("random-crop", "true", "image-size", "16"), "random crops");
    assertRefused(spec("group-column", "patient"), "columns of tables");
    assertRefused(spec("on-bad-image", "skip"), "bad images that are left out");
    SparkConf logged = new SparkConf().setMaster("local[2]").set("spark.eventLog.enabled", "true");
    assertThatThrownBy(() ->
            SparkRun.require(
                logged, spec("dp-sgd", "true", "noise-multiplier", "1", "epochs", "1")))
        .hasMessageContaining("which no epsilon covers");
    assertThatThrownBy(
            () -> Main.requireEffect(new Settings(Map.of("noise-multiplier", 1.2)), spec()))
        .hasMessage("--noise-multiplier has no effect in mode trusted-only");
    SparkConf conf = new SparkConf().setMaster("local[2]").set("spark.speculation", "true");
    assertThatThrownBy(() -> SparkRun.require(conf, spec()))
        .hasMessageContaining("leave spark.speculation off");
    assertThatThrownBy(
            () -> SparkRun.require(new SparkConf().setMaster("spark://host:7077"), spec()))
        .hasMessageContaining("spark.network.crypto.enabled");
    SparkConf clear = new SparkConf().setMaster("local[2]");
    assertThatThrownBy(() -> SparkRun.require(clear, spec()))
        .hasMessageContaining("set spark.io.encryption.enabled to true");
    SparkRun.require(clear.set("spark.io.encryption.enabled", "true"), spec());
  }

  @Test
  void a_message_shows_no_control_characters_of_names() {
    assertThat(SparkRun.line(new DataException("the columns a\u001b[2J, \u202eb\nand more")))
        .isEqualTo("the columns a\\u001b[2J, \\u202eb");
  }

  private static void assertRefused(TrainingSpec spec, String why) {
    assertThatThrownBy(() -> SparkRun.require(new SparkConf().setMaster("local[2]"), spec))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(why);
  }
}
