package asymml.study.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.study.audit.LowerBounds.Errors;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LowerBoundsTest {
  /// No event of n: `1 - error^(1/n)`. The others by summing binomial probabilities.
  @ParameterizedTest
  @CsvSource({
    "0, 10, 0.05, 0.2588656",
    "0, 1000, 0.025, 0.003682084",
    "10, 10, 0.05, 1",
    "1, 10, 0.025, 0.4450161",
    "5, 20, 0.05, 0.4555824",
  })
  void rates_are_those_of_clopper_and_pearson(
      long count, long trials, double error, double expected) {
    double rate = LowerBounds.largestRate(count, trials, error);
    assertThat(rate).isCloseTo(expected, within(1e-6));
    if (count < trials) {
      assertThat(atMost(count, trials, rate)).isCloseTo(error, within(1e-9));
    }
  }

  private static double atMost(long count, long n, double p) {
    double mass = Math.pow(1 - p, (double) n);
    double sum = mass;
    for (long k = 1; k <= count; k++) {
      mass *= (double) (n - k + 1) / (double) k * p / (1 - p);
      sum += mass;
    }
    return sum;
  }

  @Test
  void mu_of_known_error_rates_is_approached_from_below() {
    // Phi(-1) = 0.15866: two Gaussians of distance 2, told apart in their middle.
    assertThat(LowerBounds.mu(new Errors(100_000, 15_866, 100_000, 15_866), 0.95))
        .isBetween(1.96, 2.0);
    assertThat(LowerBounds.mu(new Errors(1000, 159, 1000, 159), 0.95)).isBetween(1.7, 2.0);
    assertThat(LowerBounds.mu(new Errors(1000, 500, 1000, 500), 0.95)).isZero();
    assertThat(LowerBounds.mu(new Errors(10, 0, 10, 10), 0.95)).isZero();
    assertThatThrownBy(() -> new Errors(0, 0, 10, 1)).isInstanceOf(IllegalArgumentException.class);
  }

  /// The null hypothesis at its edge: two Gaussians of mu exactly 1. A bound above 1 may come up in
  /// 5 % of the trials; with 2000 of them, more than 130 have a probability of 1e-3.
  @Test
  void mu_is_overstated_no_more_often_than_the_confidence_allows() {
    SplittableRandom random = new SplittableRandom(7);
    int over = 0;
    for (int trial = 0; trial < 2000; trial++) {
      long falsePositives = 0;
      long falseNegatives = 0;
      for (int i = 0; i < 200; i++) {
        falsePositives += random.nextGaussian() > 0.5 ? 1 : 0;
        falseNegatives += 1 + random.nextGaussian() <= 0.5 ? 1 : 0;
      }
      Errors errors = new Errors(200, falsePositives, 200, falseNegatives);
      over += LowerBounds.mu(errors, 0.95) > 1 ? 1 : 0;
    }
    assertThat(over).isLessThanOrEqualTo(130);
  }

  /// With delta 0 the bound is that of randomised response: the least epsilon at which so many
  /// correct guesses are probable enough.
  @Test
  void epsilon_without_delta_is_that_of_randomised_response() {
    double epsilon = LowerBounds.epsilon(1000, 100, 80, 0, 0.95);
    double q = 1 / (1 + Math.exp(-epsilon));
    assertThat(1 - atMost(79, 100, q)).isCloseTo(0.05, within(1e-6));
    assertThat(epsilon).isBetween(0.9, 1.1);
  }

  @Test
  void a_delta_weakens_the_bound_and_chance_proves_nothing() {
    double without = LowerBounds.epsilon(1000, 100, 95, 0, 0.95);
    assertThat(LowerBounds.epsilon(1000, 100, 95, 1e-5, 0.95)).isBetween(0.8 * without, without);
    assertThat(LowerBounds.epsilon(1000, 100, 95, 1e-2, 0.95)).isZero();
    assertThat(LowerBounds.epsilon(1000, 100, 50, 1e-5, 0.95)).isZero();
    assertThat(LowerBounds.epsilon(1000, 0, 0, 1e-5, 0.95)).isZero();
    assertThat(LowerBounds.epsilon(1000, 100, 100, 1e-5, 0.95)).isGreaterThan(3);
    assertThatThrownBy(() -> LowerBounds.epsilon(10, 11, 5, 0, 0.95))
        .isInstanceOf(IllegalArgumentException.class);
  }

  /// Randomised response of epsilon 1 itself: above 1 in at most 5 % of the trials; with 400 of
  /// them, more than 36 have a probability of 1e-3.
  @Test
  void epsilon_is_overstated_no_more_often_than_the_confidence_allows() {
    SplittableRandom random = new SplittableRandom(8);
    double q = 1 / (1 + Math.exp(-1));
    int over = 0;
    for (int trial = 0; trial < 400; trial++) {
      int correct = 0;
      for (int i = 0; i < 300; i++) {
        correct += random.nextDouble() < q ? 1 : 0;
      }
      over += LowerBounds.epsilon(300, 300, correct, 0, 0.95) > 1 ? 1 : 0;
    }
    assertThat(over).isLessThanOrEqualTo(36);
  }
}
