package asymml.study.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.privacy.NoiseMultiplier;
import asymml.session.Settings;
import asymml.session.TrainingSpec;
import asymml.study.audit.PlantedStep.Fault;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Audits of single steps at z = 1.2228, which is mu = 0.818. At a confidence of 1 - 1e-6 a right
/// step is reported with a probability of at most 1e-6, though the noise of runs cannot be seeded.
class StepAuditTest {
  private static final double Z = 1.2228;
  private static final double MU = 1 / Z;
  private static final double CONFIDENCE = 1 - 1e-6;
  private static final int STEPS = 8;
  private static final double MAX_GRAD_NORM = 0.5;

  private static MuEstimate planted(Fault fault) {
    Canaries canaries = new Canaries(MAX_GRAD_NORM, 1);
    boolean[][] there = MuEstimate.coins(STEPS, new SplittableRandom(2));
    try (PlantedStep step = new PlantedStep(canaries, MAX_GRAD_NORM, Z, fault, 3)) {
      return MuEstimate.of(there, step.scores(there), CONFIDENCE);
    }
  }

  /// The seed is fixed: each of these is caught, or is not. Of all seeds, noise smaller by the
  /// square root of two is missed with a probability of about 1e-5, the others never.
  @ParameterizedTest
  @EnumSource(
      value = Fault.class,
      names = {"LESS_NOISE", "NO_CLIPPING", "NULL_COUNTS", "NOISE_PER_BATCH"})
  void a_planted_fault_is_above_the_claim(Fault fault) {
    MuEstimate found = planted(fault);
    assertThat(found.lower()).isGreaterThan(1.1 * MU);
  }

  @ParameterizedTest
  @EnumSource(
      value = Fault.class,
      names = {"NONE", "NULL_IS_HOSTILE"})
  void a_right_step_is_below_the_claim_and_not_far_from_it(Fault fault) {
    MuEstimate found = planted(fault);
    assertThat(found.lower()).isBetween(0.7 * MU, MU);
  }

  private static TrainingSpec spec(String... others) {
    Settings settings =
        Settings.parse(
            "run.yaml",
            """
            dp-sgd: true
            mode: trusted-only
            model: scatter-cnn
            noise-multiplier: 1.2228
            max-grad-norm: 0.1
            batch-size: 128
            threads: 1
            """);
    for (String other : others) {
      settings = settings.overriddenBy(Settings.parse("other.yaml", other));
    }
    return settings.spec();
  }

  private static StepAudit audit(int steps, String... others) {
    return new StepAudit(spec(others), new NoiseMultiplier(Z), steps, CONFIDENCE);
  }

  @Test
  void the_step_of_a_run_is_below_what_its_ledger_claims() throws Exception {
    List<StepAudit.View> views = audit(STEPS).run();
    assertThat(views)
        .singleElement()
        .satisfies(view -> {
          assertThat(view.observer()).isEqualTo("released model");
          assertThat(view.claimed()).isCloseTo(MU, within(1e-9));
          assertThat(view.found().canaries()).isEqualTo(STEPS * 1024);
          // Expected are 0.76 mu with a deviation of 0.035 mu: below 0.5 mu once in 1e12 runs.
          assertThat(view.found().lower()).isBetween(0.5 * MU, MU);
          assertThat(view.holds()).isTrue();
        });
  }

  @Test
  void each_of_two_workers_is_below_what_is_claimed_for_its_whole_view() throws Exception {
    List<StepAudit.View> views =
        audit(4, "mode: asymml\nshield: shares\nmasks-share: 2\nbatch-size: 256").run();
    assertThat(views)
        .extracting(StepAudit.View::observer)
        .containsExactly("released model", "worker with masked values", "worker with the masks");
    assertThat(views).allMatch(StepAudit.View::holds);
    assertThat(views.get(0).claimed()).isCloseTo(MU, within(1e-9));
    // All releases of a step compose to z / sqrt(1 + s).
    double whole = Math.sqrt(3) * MU;
    assertThat(views.get(1).claimed()).isCloseTo(whole, within(1e-6));
    // What is under masks tells more than the sums alone, whose mu is 0.818.
    assertThat(views.get(1).found().lower()).isBetween(0.65 * whole, whole);
    // Masks alone tell nothing.
    assertThat(views.get(2).found().lower()).isLessThan(MU);
  }

  @Test
  void an_audit_is_of_dp_sgd() {
    assertThatThrownBy(
            () -> new StepAudit(TrainingSpec.defaults(), new NoiseMultiplier(1), STEPS, CONFIDENCE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("an audit is of a run with DP-SGD");
    assertThatThrownBy(() -> new StepAudit(spec(), new NoiseMultiplier(1), 0, CONFIDENCE))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
