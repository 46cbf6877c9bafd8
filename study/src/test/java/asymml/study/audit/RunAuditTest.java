package asymml.study.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import asymml.privacy.Epsilon;
import asymml.session.Settings;
import asymml.session.TrainingSpec;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.train.TrainListener;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Whole trainings of a small network, at epsilon 1. A right one is reported with a probability of
/// at most 5 % by the bound's construction, and with next to none in fact: nothing at all is proved
/// where guesses are right half of the time.
class RunAuditTest {
  private static final int CANARIES = 100;

  private static RunAudit audit(int canaries) {
    TrainingSpec spec =
        Settings.parse(
                "run.yaml",
                """
                dp-sgd: true
                mode: trusted-only
                model: cnn
                target-epsilon: 8
                batch-size: 50
                threads: 1
                """)
            .spec();
    return new RunAudit(
        spec,
        new Shape(8, 8, 1),
        List.of("a", "b"),
        new RunAudit.Settings(canaries, new Epsilon(1)));
  }

  /// Slightly more noise than the target needs: the search for it takes longer than the training.
  @Test
  void a_right_training_is_below_its_epsilon() throws Exception {
    RunAudit.Result result =
        audit(CANARIES).run(new NoiseStrength.Multiplier(4), TrainListener.NONE);
    assertThat(result.upper()).isEqualTo(1);
    assertThat(result.steps()).isBetween(80L, 100L);
    assertThat(result.canaries()).isEqualTo(CANARIES);
    assertThat(result.included()).isBetween(CANARIES / 4, 3 * CANARIES / 4);
    assertThat(result.lower()).isLessThan(0.7);
    assertThat(result.holds()).isTrue();
    assertThat(result.guesses()).hasSize(9);
  }

  @Test
  void missing_noise_is_above_the_claim() throws Exception {
    RunAudit.Result result = audit(400).run(new NoiseStrength.Multiplier(0.05), TrainListener.NONE);
    assertThat(result.upper()).isEqualTo(1);
    assertThat(result.lower()).isGreaterThan(1);
    assertThat(result.holds()).isFalse();
  }

  @Test
  void too_few_canaries_are_refused() {
    assertThatThrownBy(() -> new RunAudit.Settings(99, new Epsilon(1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("an audit needs at least 100 canaries: 99");
  }
}
