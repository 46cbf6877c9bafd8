package asymml.study.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Architecture;
import asymml.model.Zoo;
import asymml.session.DataSpec;
import asymml.session.TrainingSpec;
import asymml.session.WorkerChoice;
import asymml.session.WorkerSpec;
import asymml.study.bench.BenchSpec.Processes;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.train.TrainConfig;
import asymml.wire.WorkerAddress;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PlanSpecTest {
  private static PlanSpec spec(int batchSize, double energy, int steps) {
    return new PlanSpec(
        DataSpec.of("generated"),
        Architecture.of("cnn"),
        Zoo.Norm.GROUP,
        batchSize,
        List.of("first", "last"),
        energy,
        steps,
        new Processes(1, "cpu", 1));
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 1, -0.1, Double.NaN})
  void the_energy_is_a_share(double energy) {
    assertThatThrownBy(() -> spec(8, energy, 1))
        .hasMessage("energy must be above 0 and below 1: " + energy);
  }

  @Test
  void counts_are_at_least_1() {
    assertThatThrownBy(() -> spec(0, 0.1, 1)).hasMessageContaining("must be at least 1: 0, 1");
    assertThatThrownBy(() -> spec(8, 0.1, 0)).hasMessageContaining("must be at least 1: 8, 0");
  }

  @Test
  void a_plan_for_a_run_is_measured_on_drawn_shapes_and_never_on_its_own_images() {
    TrainingSpec run =
        TrainingSpec.defaults()
            .withData("private.zip")
            .withModel("vgg11")
            .withBatchSize(24)
            .withTrustedLayers(List.of("last"))
            .withThreads(3);
    PlanSpec plan = PlanSpec.of(run, 0.2);
    assertThat(plan.data().source()).isEqualTo("generated");
    assertThat(plan.data().limitTrain().images()).isEqualTo(PlanSpec.IMAGES);
    assertThat(plan.model().name()).isEqualTo("vgg11");
    assertThat(plan.batchSize()).isEqualTo(24);
    assertThat(plan.trustedLayers()).containsExactly("last");
    assertThat(plan.energy()).isEqualTo(0.2);
    assertThat(plan.processes()).isEqualTo(new Processes(3, "cpu", 1));
  }

  @Test
  void steps_are_timed_with_a_worker_of_this_machine() {
    TrainingSpec remote =
        TrainingSpec.defaults()
            .withWorkers(
                WorkerSpec.of(new WorkerChoice.Remote(WorkerAddress.parse("unix:/tmp/w.sock"))));
    assertThatThrownBy(() -> PlanSpec.of(remote, 0.1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a worker on this machine");
    TrainingSpec gpu =
        TrainingSpec.defaults().withWorkers(WorkerSpec.of(new WorkerChoice.Local("cuda:0")));
    assertThat(PlanSpec.of(gpu, 0.1).processes().device()).isEqualTo("cuda:0");
  }

  @Test
  void the_warm_up_is_one_gentle_epoch_on_the_trusted_side() {
    TrainConfig warmUp = spec(8, 0.1, 1).warmUp();
    assertThat(warmUp.mode()).isEqualTo(Mode.TRUSTED_ONLY);
    assertThat(warmUp.epochs()).isEqualTo(1);
    assertThat(warmUp.batchSize()).isEqualTo(8);
    assertThat(warmUp.model().name()).isEqualTo("cnn");
    assertThat(warmUp.norm()).isEqualTo(Zoo.Norm.GROUP);
    assertThat(warmUp.noise()).isEqualTo(new NoiseStrength.None());
    assertThat(warmUp.optimizer().learningRate()).isEqualTo(0.01f);
  }
}
