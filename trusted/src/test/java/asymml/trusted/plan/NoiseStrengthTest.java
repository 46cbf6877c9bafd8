package asymml.trusted.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.plan.NoiseStrength.Multiplier;
import asymml.trusted.plan.NoiseStrength.None;
import asymml.trusted.plan.NoiseStrength.Ratio;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NoiseStrengthTest {
  @Test
  void a_multiplier_s_noise_is_z_times_the_bound_whatever_the_size() {
    assertThat(new Multiplier(0.5).sigma(3, 1)).isEqualTo(1.5);
    assertThat(new Multiplier(0.5).sigma(3, 1 << 20)).isEqualTo(1.5);
  }

  @Test
  void a_ratio_of_1_is_as_strong_as_an_example_at_the_bound() {
    double sigma = new Ratio(1).sigma(6, 16_384);
    assertThat(sigma).isEqualTo(6.0 / 128);
    assertThat(sigma * Math.sqrt(16_384)).isEqualTo(6);
    assertThat(new Ratio(0.1).sigma(6, 1)).isEqualTo(0.1 * 6);
  }

  @Test
  void none_is_none() {
    assertThat(new None().sigma(7, 3)).isZero();
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -0.1, 1e-11, 1e13, Double.NaN, Double.POSITIVE_INFINITY})
  void a_strength_that_rounding_would_swallow_or_that_is_too_large_is_refused(double bad) {
    assertThatThrownBy(() -> new Multiplier(bad))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("noise multiplier must be from ")
        .hasMessageEndingWith(", or 0 for none: " + bad);
    assertThatThrownBy(() -> new Ratio(bad))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("noise ratio must be from ")
        .hasMessageEndingWith(", or 0 for none: " + bad);
  }

  @Test
  void each_says_what_it_is() {
    assertThat(new None()).hasToString("none");
    assertThat(new Multiplier(0.5)).hasToString("z = 0.5");
    assertThat(new Ratio(0.1)).hasToString("ratio = 0.1");
  }
}
