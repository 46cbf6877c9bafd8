package asymml.privacy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.function.DoubleFunction;
import org.junit.jupiter.api.Test;

class ValuesTest {
  private static void refuses(DoubleFunction<Object> constructor, double... values) {
    for (double value : values) {
      assertThatIllegalArgumentException()
          .as("%s", value)
          .isThrownBy(() -> constructor.apply(value))
          .withMessageContaining(Double.toString(value));
    }
  }

  @Test
  void values_out_of_range_and_not_a_number_are_refused_by_name() {
    refuses(Epsilon::new, -1e-300, Double.NaN, Double.NEGATIVE_INFINITY);
    refuses(Delta::new, -1e-300, Math.nextUp(1.0), Double.NaN);
    refuses(NoiseMultiplier::new, 0, -1, Double.NaN, Double.POSITIVE_INFINITY);
    refuses(ClipNorm::new, 0, -1, Double.NaN, Double.POSITIVE_INFINITY);
    refuses(SamplingRate::new, 0, -0.1, Math.nextUp(1.0), Double.NaN);
  }

  @Test
  void a_budget_is_finite_and_has_a_delta() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new PrivacyBudget(Epsilon.INFINITE, new Delta(1e-5)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new PrivacyBudget(new Epsilon(1), Delta.ZERO));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new PrivacyBudget(new Epsilon(1), Delta.ONE));
  }

  @Test
  void an_infinite_epsilon_is_within_no_finite_one() {
    assertThat(Epsilon.INFINITE.isFinite()).isFalse();
    assertThat(Epsilon.INFINITE.isWithin(new Epsilon(1e300))).isFalse();
    assertThat(new Epsilon(3).isWithin(new Epsilon(3))).isTrue();
    assertThat(new Epsilon(-0.0)).isEqualTo(Epsilon.ZERO);
  }

  @Test
  void the_noise_for_an_equal_guarantee_is_in_proportion_to_the_bounds() {
    // A tenth of the energy in the residual: sqrt(0.1) of the norm, so 0.32 of the noise.
    var comparison =
        new NoiseComparison(
            new ClipNorm(Math.sqrt(0.1) * 7), new ClipNorm(7), new NoiseMultiplier(2));
    assertThat(comparison.activationDeviation()).isEqualTo(14);
    assertThat(comparison.residualDeviation()).isCloseTo(4.427, within(1e-3));
    assertThat(comparison.ratio()).isCloseTo(0.316, within(1e-3));
  }
}
