package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Scattering;
import asymml.kernels.Tensor;
import asymml.model.Initializer;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.DataSets;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TinyRuns.Course;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The model `scatter-cnn`, whose features are computed once and kept.
class ScatterCnnTest {
  @TempDir Path folder;

  private static TrainConfig config(int epochs, int batchSize) {
    return TinyRuns.config(epochs, batchSize).withModel("scatter-cnn");
  }

  @Test
  void it_learns_on_the_embedded_data() throws Exception {
    DataSet all = DataSets.open("generated", (_, _, _) -> {});
    DataSet data =
        new DataSet(
            all.name(),
            all.train().subset(600, 1),
            all.test().subset(200, 1),
            all.normalization(),
            all.flip(),
            all.cropPadding());
    RunLayout layout = TinyRuns.layout(folder);
    TinyRuns.run(config(6, 32), data, layout, false, Course.toTheEnd());
    EpochMetrics last = MetricsLog.readAll(layout.metrics()).getLast();
    assertThat(last.testAccuracy()).isGreaterThan(0.7);
  }

  @Test
  void a_stopped_run_continues_to_the_same_bytes() throws Exception {
    DataSet data = TinyRuns.data(11, 5, 3);
    RunLayout whole = TinyRuns.layout(folder.resolve("whole"));
    TinyRuns.run(config(3, 4), data, whole, false, Course.toTheEnd());
    RunLayout stopped = TinyRuns.layout(folder.resolve("stopped"));
    TinyRuns.run(config(3, 4), data, stopped, false, new Course(4));
    TinyRuns.run(config(3, 4), data, stopped, true, Course.toTheEnd());
    assertThat(TinyRuns.trace(stopped)).isEqualTo(TinyRuns.trace(whole));
  }

  @Test
  void images_are_flipped_and_not_shifted() {
    DataSet data = TinyRuns.data(11, 5, 3);
    assertThat(RunPlan.of(TinyRuns.config(1, 4), data).augmentation())
        .isEqualTo(new Augmentation(true, 1));
    assertThat(RunPlan.of(config(1, 4), data).augmentation()).isEqualTo(new Augmentation(true, 0));
  }

  @Test
  void an_evaluation_on_kept_features_is_that_on_images() throws Exception {
    DataSet data = TinyRuns.data(11, 13, 3);
    RunPlan run = RunPlan.of(config(1, 4), data);
    try (Parameters parameters = new Parameters(run.graph(), new Initializer(3), false);
        Evaluator images = new Evaluator(run.graph(), parameters, 4);
        Evaluator features = new Evaluator(run.graph(), parameters, 4, true)) {
      Evaluator.Score expected = images.score(data.test(), run.normalization(), (_, _) -> {});
      for (int i = 0; i < 2; i++) {
        Evaluator.Score actual = features.score(data.test(), run.normalization(), (_, _) -> {});
        assertThat(actual.loss()).isEqualTo(expected.loss());
        assertThat(actual.accuracy()).isEqualTo(expected.accuracy());
      }
      assertThat(features.score(data.train(), run.normalization(), (_, _) -> {}).loss())
          .isCloseTo(
              images.score(data.train(), run.normalization(), (_, _) -> {}).loss(), within(0.0));
    }
  }

  @Test
  void a_network_takes_images_or_features() {
    RunPlan run = RunPlan.of(config(1, 4), TinyRuns.data(11, 5, 3));
    SplittableRandom random = new SplittableRandom(61);
    try (Arena arena = Arena.ofShared();
        Parameters parameters = new Parameters(run.graph(), new Initializer(3), true);
        Scattering transform = new Scattering(8, 8, 3);
        TrustedNetwork network = TrustedNetwork.forTraining(run.graph(), 2, parameters, 1)) {
      Tensor images = Tensor.allocate(arena, 2, 8, 8, 3);
      for (long i = 0; i < images.size(); i++) {
        images.set(i, (float) random.nextDouble(-1, 1));
      }
      Tensor features = Tensor.allocate(arena, 2, 2, 2, 243);
      transform.forward(images, features);
      network.load(images);
      network.forward(0);
      float[] logits = network.logits().toArray();
      assertThat(logits).doesNotContain(0f);
      network.load(features);
      network.input().fill(Float.NaN); // not read
      network.forward(0);
      assertThat(network.logits().toArray()).isEqualTo(logits);
      network.load(images);
      network.forward(0);
      assertThat(network.logits().toArray()).isEqualTo(logits);
    }
  }
}
