package asymml.privacy;

import static asymml.privacy.Events.all;
import static asymml.privacy.Events.gaussian;
import static asymml.privacy.Events.run;
import static asymml.privacy.Events.sampled;
import static asymml.privacy.Events.times;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CompositionTest {
  private static final PrivacyEvent LEAK = new PrivacyEvent.Unprotected("weights sent unprotected");

  @Test
  void unsampled_gaussians_merge_into_one() {
    Composition composition = Composition.of(all(gaussian(3), gaussian(4), times(2, gaussian(6))));
    assertThat(composition.unsampled().value())
        .isCloseTo(1 / Math.sqrt(1 / 9.0 + 1 / 16.0 + 2 / 36.0), within(1e-14));
    assertThat(composition.isSampled()).isFalse();
  }

  @Test
  void merging_rounds_towards_less_noise() {
    PrivacyEvent split = all(times(49, gaussian(7)));
    assertThat(Composition.of(split).unsampled().value()).isLessThanOrEqualTo(1);
  }

  @Test
  void gaussians_inside_one_sample_are_one_gaussian() {
    Composition composition =
        Composition.of(times(10, sampled(0.1, all(gaussian(3), gaussian(4)))));
    assertThat(composition.sampled()).hasSize(1);
    SampledGaussian step = composition.sampled().firstKey();
    assertThat(step.noise().value()).isCloseTo(2.4, within(1e-14));
    assertThat(composition.sampled()).containsEntry(step, 10L);
  }

  @Test
  void equal_steps_are_counted_together_wherever_they_stand() {
    Composition composition =
        Composition.of(all(run(0.1, 2, 3), all(times(2, run(0.1, 2, 5))), run(0.1, 3, 1)));
    assertThat(composition.sampled().values()).containsExactly(13L, 1L);
  }

  @Test
  void sampling_everybody_is_not_sampling() {
    assertThat(Composition.of(sampled(1, gaussian(2))).isSampled()).isFalse();
  }

  @Test
  void a_sample_of_a_sample_is_refused() {
    PrivacyEvent nested = sampled(0.5, sampled(0.1, gaussian(1)));
    for (Accountant accountant : Events.accountants()) {
      assertThatIllegalArgumentException().isThrownBy(() -> accountant.requireSupported(nested));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> accountant.epsilon(nested, new Delta(1e-5)));
    }
  }

  @Test
  void repetitions_beyond_a_long_are_refused() {
    PrivacyEvent forever = times(Long.MAX_VALUE, times(Long.MAX_VALUE, gaussian(1)));
    assertThatIllegalArgumentException().isThrownBy(() -> Composition.of(forever));
    PrivacyEvent two =
        all(times(Long.MAX_VALUE, sampled(0.1, gaussian(1))), sampled(0.1, gaussian(1)));
    assertThatIllegalArgumentException().isThrownBy(() -> Composition.of(two));
    assertThatIllegalArgumentException().isThrownBy(() -> times(-1, gaussian(1)));
  }

  @ParameterizedTest
  @MethodSource("asymml.privacy.Events#accountants")
  void one_unprotected_release_makes_epsilon_infinite_and_delta_one(Accountant accountant) {
    for (PrivacyEvent event :
        new PrivacyEvent[] {
          LEAK, all(gaussian(100), LEAK), times(3, all(LEAK)), all(sampled(1e-6, LEAK))
        }) {
      assertThat(accountant.epsilon(event, new Delta(0.999))).isEqualTo(Epsilon.INFINITE);
      assertThat(accountant.delta(event, new Epsilon(1e9))).isEqualTo(Delta.ONE);
    }
  }

  @ParameterizedTest
  @MethodSource("asymml.privacy.Events#accountants")
  void nothing_released_costs_nothing(Accountant accountant) {
    for (PrivacyEvent event :
        new PrivacyEvent[] {
          new PrivacyEvent.NoOp(), all(), times(0, gaussian(1)), times(0, LEAK)
        }) {
      assertThat(accountant.epsilon(event, Delta.ZERO)).isEqualTo(Epsilon.ZERO);
      assertThat(accountant.delta(event, Epsilon.ZERO)).isEqualTo(Delta.ZERO);
    }
  }

  @ParameterizedTest
  @MethodSource("asymml.privacy.Events#accountants")
  void questions_without_an_answer_are_refused(Accountant accountant) {
    assertThat(accountant.epsilon(gaussian(1), Delta.ZERO)).isEqualTo(Epsilon.INFINITE);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> accountant.epsilon(gaussian(1), Delta.ONE));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> accountant.delta(gaussian(1), Epsilon.INFINITE));
  }
}
