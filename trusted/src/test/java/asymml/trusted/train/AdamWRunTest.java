package asymml.trusted.train;

import static asymml.trusted.train.TinyRuns.layout;
import static asymml.trusted.train.TinyRuns.run;
import static asymml.trusted.train.TinyRuns.trace;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.model.SafeTensors;
import asymml.model.Zoo;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.trusted.data.DataSet;
import asymml.trusted.ops.Parameters;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TinyRuns.Course;
import asymml.trusted.train.TrainConfig.Algorithm;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AdamWRunTest {
  private static final DataSet DATA = TinyRuns.data(11, 5, 3);

  @TempDir Path folder;

  private static TrainConfig config(int epochs) {
    return TinyRuns.config(epochs, 4)
        .withOptimizer(
            TinyRuns.optimizer(0.01f).withAlgorithm(Algorithm.ADAMW).withWeightDecay(0.1f));
  }

  @Test
  void it_learns() throws Exception {
    RunLayout layout = layout(folder.resolve("learns"));
    run(config(8).withBatchSize(8), TinyRuns.data(48, 24, 5), layout, false, Course.toTheEnd());
    assertThat(MetricsLog.readAll(layout.metrics()).getLast().testAccuracy()).isGreaterThan(0.9);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 4, 8})
  void a_run_stopped_after_any_step_continues_to_the_same_bytes(int steps) throws Exception {
    RunLayout whole = layout(folder.resolve("whole"));
    run(config(3), DATA, whole, false, Course.toTheEnd());
    RunLayout layout = layout(folder.resolve("stopped"));
    run(config(3), DATA, layout, false, new Course(steps));
    run(config(3), DATA, layout, true, Course.toTheEnd());
    assertThat(trace(layout)).isEqualTo(trace(whole));
    assertThat(SafeTensors.read(layout.checkpoint()).tensors())
        .extracting(tensor -> tensor.name())
        .contains("second-moment/conv1.weight", "velocity/conv1.weight");
  }

  @Test
  void another_algorithm_is_another_run() throws Exception {
    RunLayout layout = layout(folder.resolve("run"));
    run(config(3), DATA, layout, false, new Course(1));
    TrainConfig sgd = config(3).withOptimizer(config(3).optimizer().withAlgorithm(Algorithm.SGD));
    assertThatThrownBy(() -> run(sgd, DATA, layout, true, Course.toTheEnd()))
        .isInstanceOf(TrainingException.class)
        .hasMessageContaining("another optimizer");
    assertThat(sgd.optimizer().toString())
        .isEqualTo(
            "Optimizer[learningRate=0.01, momentum=0.9, weightDecay=0.1, schedule=COSINE,"
                + " warmUpEpochs=0.5, milestones=[], factor=0.1]");
    assertThat(config(3).optimizer().toString()).startsWith("Optimizer[algorithm=ADAMW, ");
  }

  /// Of one step from nothing each coordinate moves by the rate, whatever its gradient; weights
  /// decay beside it, and nothing else does.
  @Test
  void in_the_first_step_every_coordinate_moves_by_the_rate_and_weights_alone_decay() {
    try (Parameters parameters =
        new Parameters(
            Zoo.build("cnn", DATA.train().shape(), 3, Zoo.Norm.BATCH), new Initializer(5), true)) {
      Map<String, float[]> before = new HashMap<>();
      parameters.keepSecondMoments();
      for (Parameter p : parameters.all()) {
        before.put(p.name(), parameters.value(p.name()).toArray());
        if (p.trained()) {
          parameters.gradient(p.name()).fill(p.name().length() % 2 == 0 ? 1e-3f : -50);
        }
      }
      parameters.adamw(0, 0.01f, 0.9f, 0.5f);
      for (Parameter p : parameters.all()) {
        float[] from = Objects.requireNonNull(before.get(p.name()));
        float[] to = parameters.value(p.name()).toArray();
        for (int i = 0; i < to.length; i++) {
          double moved = !p.trained() ? 0 : p.name().length() % 2 == 0 ? -0.01 : 0.01;
          double kept = p.trained() && p.kind().weight() ? 1 - 0.01 * 0.5 : 1;
          assertThat(to[i] - (kept * from[i] + moved)).isBetween(-2e-6, 2e-6);
        }
      }
    }
  }

  @Test
  void without_second_moments_there_is_no_step() {
    try (Parameters parameters =
        new Parameters(
            Zoo.build("cnn", DATA.train().shape(), 3, Zoo.Norm.BATCH), new Initializer(5), true)) {
      assertThat(parameters.hasSecondMoments()).isFalse();
      assertThatThrownBy(() -> parameters.adamw(0, 0.1f, 0.9f, 0))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  /// It is post-processing of the noised gradient: the account does not change.
  @Test
  void with_dp_sgd_it_costs_what_sgd_costs() throws Exception {
    TrainConfig sgd =
        TinyRuns.config(2, 16)
            .withNorm(Zoo.Norm.GROUP)
            .withPrivacy(
                PrivacyConfig.of(
                    new DpSgd(24, 1, 0.9, 0.02, 1L << 30), new Epsilon(8), new Delta(1e-4)));
    TrainConfig adamw = sgd.withOptimizer(config(2).optimizer());
    DataSet data = TinyRuns.data(48, 8, 5);
    RunLayout first = layout(folder.resolve("sgd"));
    run(sgd, data, first, false, Course.toTheEnd());
    RunLayout second = layout(folder.resolve("adamw"));
    run(adamw, data, second, false, Course.toTheEnd());
    assertThat(LedgerFile.read(second.ledger())).isEqualTo(LedgerFile.read(first.ledger()));
  }
}
