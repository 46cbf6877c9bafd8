package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.model.Parameter;
import asymml.model.Zoo;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.DataSet;
import asymml.trusted.draw.Shuffle;
import asymml.trusted.ops.Parameters;
import asymml.trusted.passes.LayerPass;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Shield;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CleanEvaluationTest {
  private static final long SEED = 3;
  private static final int IMAGES = 24;
  private static final DataSet DATA = TinyRuns.data(IMAGES, 30, 17);

  @TempDir static Path folder;

  @BeforeAll
  static void train() throws Exception {
    for (Zoo.Norm norm : Zoo.Norm.values()) {
      TinyRuns.run(
          config(norm),
          DATA,
          TinyRuns.layout(folder.resolve(norm.name())),
          false,
          TinyRuns.Course.toTheEnd());
    }
  }

  private static TrainConfig config(Zoo.Norm norm) {
    TrainConfig c = TinyRuns.config(3, 8);
    return new TrainConfig(
        c.model().text(),
        norm,
        c.mode(),
        c.decomposition(),
        c.rank(),
        c.trustedLayers(),
        c.noise(),
        new NoiseStrength.None(),
        c.epochs(),
        c.batchSize(),
        c.optimizer(),
        c.labelSmoothing(),
        c.augment(),
        c.seed(),
        PrivacyConfig.NONE,
        new Shield.Residual());
  }

  private static TrainedModel model(Zoo.Norm norm) throws Exception {
    return TrainedModel.read(TinyRuns.layout(folder.resolve(norm.name())).checkpoint());
  }

  private static Evaluator.Score clean(TrainedModel model) throws Exception {
    return CleanEvaluation.score(model, DATA, 8, SEED, (_, _) -> {});
  }

  private static Evaluator.Score asItIs(TrainedModel model) throws Exception {
    try (Evaluator evaluator = new Evaluator(model.graph(), model.parameters(), 8)) {
      return evaluator.score(DATA.test(), DATA.normalization(), (_, _) -> {});
    }
  }

  /// As noise does: every variance is far too large.
  private static void spoilStatistics(TrainedModel model) {
    for (Parameter p : model.parameters().all()) {
      if (!p.kind().trained()) {
        model.parameters().value(p.name()).fill(50);
      }
    }
    model.parameters().changed();
  }

  @Test
  void statistics_gathered_under_noise_do_not_count() throws Exception {
    try (TrainedModel model = model(Zoo.Norm.BATCH)) {
      Evaluator.Score before = clean(model);
      assertThat(before.accuracy()).isGreaterThan(0.9);
      spoilStatistics(model);
      assertThat(asItIs(model).accuracy()).isLessThan(0.5);
      Evaluator.Score after = clean(model);
      assertThat(after.loss()).isEqualTo(before.loss());
      assertThat(after.accuracy()).isEqualTo(before.accuracy());
    }
  }

  @Test
  void the_model_stays_as_it_is() throws Exception {
    try (TrainedModel model = model(Zoo.Norm.BATCH)) {
      double loss = asItIs(model).loss();
      assertThat(clean(model).loss()).isNotEqualTo(loss);
      assertThat(asItIs(model).loss()).isEqualTo(loss);
    }
  }

  @Test
  void group_norm_keeps_no_statistics_and_nothing_changes() throws Exception {
    try (TrainedModel model = model(Zoo.Norm.GROUP)) {
      assertThat(clean(model).loss()).isEqualTo(asItIs(model).loss());
    }
  }

  /// Mean over batches of the mean, and of the unbiased variance, of what the first convolution
  /// gives; images that fill no batch are left out.
  @ParameterizedTest
  @CsvSource({"24, 24", "8, 24", "7, 21", "100, 24"})
  void statistics_are_the_means_over_batches_of_their_own(int batchSize, int used)
      throws Exception {
    int batch = Math.min(batchSize, IMAGES);
    try (TrainedModel model = model(Zoo.Norm.BATCH);
        Parameters clean =
            CleanEvaluation.recalibrated(model, DATA.train(), batch, SEED, (_, _) -> {})) {
      int conv = model.graph().linearLayers().getFirst();
      List<double[]> statistics = new ArrayList<>();
      int[] order = Shuffle.order(IMAGES, SEED);
      for (int from = 0; from < used; from += batch) {
        int[] chosen = IntStream.range(from, from + batch).map(i -> order[i]).toArray();
        try (BatchLoader loader =
                new BatchLoader(
                    DATA.train(), DATA.normalization(), Augmentation.none(), chosen, batch, 0, 0);
            LayerPass pass =
                new LayerPass(
                    model.graph(),
                    model.parameters(),
                    loader.next().images(),
                    new int[batch],
                    0,
                    0)) {
          statistics.add(ofChannel0(pass.output(conv)));
        }
      }
      assertThat((double) clean.value("bn1.running_mean").get(0))
          .isCloseTo(mean(statistics, 0), within(1e-5));
      assertThat((double) clean.value("bn1.running_var").get(0))
          .isCloseTo(mean(statistics, 1), within(1e-5));
    }
  }

  private static double mean(List<double[]> statistics, int which) {
    return statistics.stream().mapToDouble(s -> s[which]).average().orElseThrow();
  }

  private static double[] ofChannel0(Tensor y) {
    int channels = y.length(3);
    long n = y.size() / channels;
    double sum = 0;
    for (long i = 0; i < n; i++) {
      sum += y.get(i * channels);
    }
    double squares = 0;
    for (long i = 0; i < n; i++) {
      squares += Math.pow(y.get(i * channels) - sum / n, 2);
    }
    return new double[] {sum / n, squares / (n - 1)};
  }
}
