package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.privacy.Channel;
import asymml.privacy.Epsilon;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.PrivacyConfig.Drawing;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class TrainingSpecTest {
  private static final TrainingSpec DEFAULTS = TrainingSpec.defaults();

  @Test
  void the_defaults_are_those_of_the_documentation() {
    assertThat(DEFAULTS.data()).isEqualTo(DataSpec.of("generated"));
    assertThat(DEFAULTS.training().model().name()).isEqualTo("cnn");
    assertThat(DEFAULTS.training().mode()).isEqualTo(Mode.ASYMML);
    assertThat(DEFAULTS.training().trustedLayers()).containsExactly(Plan.FIRST, Plan.LAST);
    assertThat(DEFAULTS.training().rank()).isEqualTo(new RankPolicy.Fraction(1, 8));
    assertThat(DEFAULTS.training().noise()).isEqualTo(new NoiseStrength.Ratio(0.1));
    assertThat(DEFAULTS.training().privacy()).isEqualTo(PrivacyConfig.NONE);
    assertThat(DEFAULTS.training().epochs()).isEqualTo(8);
    assertThat(DEFAULTS.training().batchSize()).isEqualTo(64);
    assertThat(DEFAULTS.workers()).isEqualTo(WorkerSpec.local());
    assertThat(DEFAULTS.workers().timeout()).isEqualTo(Duration.ofSeconds(60));
    assertThat(DEFAULTS.threads()).isEqualTo(Runtime.getRuntime().availableProcessors());
  }

  @Test
  void a_wither_changes_its_component_and_nothing_else() {
    TrainingSpec changed =
        DEFAULTS
            .withModel("resnet20")
            .withEpochs(2)
            .withBatchSize(32)
            .withSeed(9)
            .withData("generated:3")
            .withLimits(100, 50)
            .withThreads(1);
    assertThat(changed.training().model().name()).isEqualTo("resnet20");
    assertThat(changed.data().source()).isEqualTo("generated:3");
    assertThat(changed.data().limitTrain()).hasToString("100");
    TrainingSpec back =
        changed
            .withModel("cnn")
            .withEpochs(8)
            .withBatchSize(64)
            .withSeed(1)
            .withData(DataSpec.of("generated"))
            .withThreads(DEFAULTS.threads());
    assertThat(back).isEqualTo(DEFAULTS);
  }

  @Test
  void protection_brings_the_channels_along_that_a_channel_rests_on() {
    PrivacyConfig privacy =
        DEFAULTS.withProtection(new Epsilon(3), Channel.WEIGHTS).training().privacy();
    assertThat(privacy.protect())
        .containsExactlyInAnyOrder(Channel.RESIDUALS, Channel.GRADIENTS, Channel.WEIGHTS);
    assertThat(privacy.drawing()).isEqualTo(Drawing.POISSON);
    assertThat(privacy.basis()).isEqualTo(Basis.PUBLIC);
    assertThat(privacy.target()).isEqualTo(new Epsilon(3));
    assertThat(DEFAULTS.withProtection(new Epsilon(3)).training().privacy().protect())
        .containsExactly(Channel.RESIDUALS);
    assertThatThrownBy(() -> DEFAULTS.withProtection(null, Channel.BASIS))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void the_noise_of_an_unaccounted_run_does_not_outlive_a_target() {
    TrainingSpec accounted = DEFAULTS.withProtection(new Epsilon(3));
    assertThat(accounted.training().noise()).isEqualTo(new NoiseStrength.None());
    assertThat(accounted.withPrivacy(PrivacyConfig.NONE).training().noise())
        .isEqualTo(DEFAULTS.training().noise());
  }

  @Test
  void masks_bring_their_defaults_and_use_two_workers_of_one_local_choice() {
    TrainingSpec masked = DEFAULTS.withShield(new Shield.Shares(1));
    assertThat(masked.training().rank()).isEqualTo(new RankPolicy.Fixed(0));
    assertThat(masked.training().noise()).isEqualTo(new NoiseStrength.Multiplier(10));
    assertThat(masked.training().privacy().protect())
        .containsExactlyInAnyOrder(Channel.RESIDUALS, Channel.GRADIENTS);
    assertThat(masked.usedWorkers()).hasSize(2);
    assertThat(masked.workers().workers()).hasSize(1);
    assertThat(DEFAULTS.withShield(new Shield.Residual())).isEqualTo(DEFAULTS);
  }

  @Test
  void masks_keep_a_protection_that_was_asked_for() {
    TrainingSpec masked =
        DEFAULTS.withProtection(new Epsilon(8), Channel.WEIGHTS).withShield(new Shield.Shares(1));
    assertThat(masked.training().privacy().protect()).contains(Channel.WEIGHTS);
    assertThat(masked.training().privacy().target()).isEqualTo(new Epsilon(8));
    assertThat(masked.training().noise()).isEqualTo(new NoiseStrength.None());
  }

  @Test
  void a_run_without_untrusted_part_uses_no_workers() {
    assertThat(DEFAULTS.withMode(Mode.TRUSTED_ONLY).usedWorkers()).isEmpty();
    assertThat(DEFAULTS.usedWorkers()).isEqualTo(DEFAULTS.workers().workers());
  }

  @Test
  void all_that_is_wrong_is_found_at_once() {
    assertThatThrownBy(() ->
            new TrainingSpec(
                DEFAULTS.data(), DEFAULTS.training(), InitSpec.SEED, WorkerSpec.local(), 0, -1))
        .isInstanceOfSatisfying(
            InvalidSpecException.class,
            e ->
                assertThat(e.findings())
                    .extracting(Finding::setting)
                    .containsExactly("threads", "analyze-every"))
        .hasMessage("threads must be 1 to 4096: 0; analyze-every must be at least 0 epochs: -1");
  }

  @Test
  void what_the_computation_refuses_is_a_finding() {
    assertThatThrownBy(() -> DEFAULTS.withEpochs(0))
        .isInstanceOfSatisfying(
            InvalidSpecException.class,
            e ->
                assertThat(e.findings())
                    .containsExactly(
                        Finding.of(Finding.Kind.CONTRADICTION, "epochs must be at least 1: 0")))
        .hasCauseInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(
            () -> DEFAULTS.withShield(new Shield.Shares(1)).withPrivacy(PrivacyConfig.NONE))
        .isInstanceOf(InvalidSpecException.class);
  }

  @Test
  void a_remote_worker_serves_one_connection() {
    WorkerChoice remote = WorkerChoice.parse("unix:/w");
    assertThatThrownBy(() -> DEFAULTS.withWorkers(WorkerSpec.of(remote, remote)))
        .isInstanceOfSatisfying(
            InvalidSpecException.class,
            e ->
                assertThat(e.findings().getFirst().kind())
                    .isEqualTo(Finding.Kind.SAME_WORKER_TWICE));
    WorkerChoice local = WorkerChoice.parse("local");
    assertThat(DEFAULTS.withWorkers(WorkerSpec.of(local, local)).usedWorkers()).hasSize(2);
  }

  @Test
  void lists_are_copied() {
    List<WorkerChoice> workers = new java.util.ArrayList<>(List.of(WorkerChoice.parse("local")));
    WorkerSpec spec = WorkerSpec.local().withWorkers(workers, null);
    workers.clear();
    assertThat(spec.workers()).hasSize(1);
  }
}
