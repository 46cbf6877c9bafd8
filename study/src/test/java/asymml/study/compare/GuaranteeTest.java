package asymml.study.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PrivacyBudget;
import asymml.privacy.SamplingRate;
import asymml.study.compare.Guarantee.Sampling;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Noise multipliers against the exact formula of the Gaussian mechanism, where a run is one: every
/// example in every step.
class GuaranteeTest {
  private static PrivacyBudget budget(double epsilon, double delta) {
    return new PrivacyBudget(new Epsilon(epsilon), new Delta(delta));
  }

  /// The delta of n Gaussian releases at an epsilon, by Balle and Wang (ICML 2018, arXiv
  /// 1805.06530), theorem 8: one release with `mu = sqrt(n) / z`.
  private static double delta(double epsilon, double z, long releases) {
    double mu = Math.sqrt((double) releases) / z;
    return normal(mu / 2 - epsilon / mu) - Math.exp(epsilon) * normal(-mu / 2 - epsilon / mu);
  }

  /// The standard normal distribution function, by Simpson's rule.
  private static double normal(double x) {
    int steps = 40_000;
    double from = -40;
    double width = (x - from) / steps;
    double sum = 0;
    for (int i = 0; i <= steps; i++) {
      double t = from + i * width;
      sum += (i == 0 || i == steps ? 1 : 2 + i % 2 * 2) * Math.exp(-t * t / 2);
    }
    return sum * width / 3 / Math.sqrt(2 * Math.PI);
  }

  @Test
  void the_oracle_knows_the_normal_distribution() {
    assertThat(normal(0)).isCloseTo(0.5, within(1e-9));
    assertThat(normal(1.959963985)).isCloseTo(0.975, within(1e-9));
    assertThat(normal(-3)).isCloseTo(0.0013498980316, within(1e-9));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1e-5, 1, 1",
    "8, 1e-5, 4, 1",
    "0.5, 1e-6, 2, 3",
    "50, 1e-5, 8, 5",
    "3, 1e-3, 1, 7"
  })
  void the_least_noise_that_meets_the_budget_is_that_of_the_exact_formula(
      double epsilon, double delta, int releases, int epochs) {
    Guarantee found = Guarantee.of(budget(epsilon, delta), Sampling.of(100, 100, epochs, releases));
    double z = found.noiseMultiplier().value();
    long all = (long) releases * epochs;
    // The sampler's truncation costs a little delta; the accountant rounds to the safe side.
    assertThat(delta(epsilon, z, all)).isLessThanOrEqualTo(delta * (1 + 1e-6));
    assertThat(delta(epsilon, z * 0.98, all)).isGreaterThan(delta);
  }

  @Test
  void noise_grows_with_the_square_root_of_releases() {
    double one = Guarantee.of(budget(2, 1e-5), Sampling.of(10, 10, 1, 1)).noiseMultiplier().value();
    double nine =
        Guarantee.of(budget(2, 1e-5), Sampling.of(10, 10, 1, 9)).noiseMultiplier().value();
    double steps =
        Guarantee.of(budget(2, 1e-5), Sampling.of(10, 10, 9, 1)).noiseMultiplier().value();
    assertThat(nine / one).isCloseTo(3, within(0.03));
    assertThat(steps).isCloseTo(nine, within(0.01 * nine));
  }

  @Test
  void sampling_in_secret_needs_less_noise() {
    double all =
        Guarantee.of(budget(4, 1e-5), Sampling.of(1000, 1000, 5, 2)).noiseMultiplier().value();
    double tenth =
        Guarantee.of(budget(4, 1e-5), new Sampling(new SamplingRate(0.1), 5, 5, 2))
            .noiseMultiplier()
            .value();
    assertThat(tenth).isLessThan(0.8 * all);
  }

  @Test
  void a_smaller_epsilon_needs_more_noise() {
    double last = 0;
    for (double epsilon : new double[] {50, 8, 2, 0.5}) {
      double z =
          Guarantee.of(budget(epsilon, 1e-5), Sampling.of(64, 16, 2, 2)).noiseMultiplier().value();
      assertThat(z).isGreaterThan(last);
      last = z;
    }
  }

  @ParameterizedTest
  @CsvSource({
    "100, 10, 3, 30, 0.1",
    "101, 10, 3, 33, 0.09900990099",
    "109, 10, 1, 11, 0.0917431193",
    "7, 7, 4, 4, 1",
    "1, 1, 1, 1, 1"
  })
  void steps_and_rate_follow_from_images_and_batch(
      int images, int batch, int epochs, long steps, double rate) {
    Sampling sampling = Sampling.of(images, batch, epochs, 3);
    assertThat(sampling.steps()).isEqualTo(steps);
    assertThat(sampling.rate().value()).isCloseTo(rate, within(1e-9));
    assertThat(sampling.epochs()).isEqualTo(epochs);
    assertThat(sampling.releases()).isEqualTo(3);
  }

  @Test
  void a_batch_larger_than_the_images_has_no_rate() {
    assertThatThrownBy(() -> Sampling.of(10, 11, 1, 1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void the_count_of_steps_does_not_overflow() {
    assertThat(Sampling.of(Integer.MAX_VALUE, 1, Integer.MAX_VALUE, 1).steps())
        .isEqualTo((long) Integer.MAX_VALUE * Integer.MAX_VALUE);
  }

  @Test
  void one_line_has_budget_noise_and_sampling() {
    assertThat(
            new Guarantee(
                    budget(0.5, 1e-6),
                    new Sampling(new SamplingRate(0.015625), 12, 768, 6),
                    new NoiseMultiplier(4.56789))
                .describe())
        .isEqualTo(
            "epsilon 0.5 at delta 1e-6 needs z = 4.568: 6 releases a step, 768 steps (12 epochs),"
                + " Poisson sampling at q = 0.01563");
  }
}
