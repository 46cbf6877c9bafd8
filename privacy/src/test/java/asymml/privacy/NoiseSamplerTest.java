package asymml.privacy;

import static asymml.privacy.Events.gaussian;
import static asymml.privacy.Events.run;
import static asymml.privacy.Ledgers.noised;
import static asymml.privacy.Ledgers.shuffled;
import static asymml.privacy.Ledgers.steps;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class NoiseSamplerTest {
  private static final Accountant EXACT = new SampledNoiseAccountant(new GaussianAccountant());

  private static double leftOut(double z, long values) {
    return NoiseSampler.NOISE.leftOut(new NoiseMultiplier(z), values);
  }

  /// The mass of a pair around `shift` outside a circle, by midpoints in radius and angle.
  private static double outside(double shift, double radius) {
    double sum = 0;
    int rings = 4000;
    int angles = 256; // the integrand is periodic and smooth: the error falls exponentially
    double width = 14.0 / rings;
    for (int i = 0; i < rings; i++) {
      double r = radius + (i + 0.5) * width;
      double ring = 0;
      for (int k = 0; k < angles; k++) {
        double angle = Math.PI * (k + 0.5) / angles;
        double squared = r * r + shift * shift - 2 * r * shift * Math.cos(angle);
        ring += Math.exp(-squared / 2);
      }
      sum += ring / angles * r * width;
    }
    return sum;
  }

  @ParameterizedTest
  @EnumSource
  void it_is_the_mass_beyond_the_circles_around_the_other_centre(NoiseSampler sampler) {
    for (double z : new double[] {0.13, 0.2, 0.3, 0.7, 3, 1e6}) {
      double exact =
          outside(1 / z, sampler.radius()) + 2 * Math.exp(-sampler.radius() * sampler.radius() / 2);
      assertThat(sampler.leftOut(new NoiseMultiplier(z), 1))
          .as("z = %s", z)
          .isBetween(exact * (1 - 1e-4), exact * (1 + 1e-4));
    }
  }

  /// The same formula for circles that end so early that samples show it: false alarms are 5
  /// deviations off, 3e-6 over all.
  @Test
  void a_coarse_sampler_leaves_out_what_the_bound_says() {
    SplittableRandom random = new SplittableRandom(1401);
    System.out.println("seed 1401");
    int trials = 2_000_000;
    double radius = 2.5;
    for (double[] shift : new double[][] {{1, 0}, {Math.sqrt(0.5), Math.sqrt(0.5)}, {0.6, 0.8}}) {
      int lost = 0;
      for (int i = 0; i < trials; i++) {
        boolean beyond = false;
        for (double part : shift) {
          // A radius that the coarse sampler has, seen from the other centre.
          double u = 1 - random.nextDouble() * (1 - Math.exp(-radius * radius / 2));
          double angle = random.nextDouble() * 2 * Math.PI;
          double r = Math.sqrt(-2 * Math.log(u));
          beyond |= Math.hypot(r * Math.cos(angle) + part, r * Math.sin(angle)) > radius;
        }
        lost += beyond ? 1 : 0;
      }
      double bound = 2 * 2 * Math.exp(-radius * radius / 2) + outside(1, radius);
      double share = (double) lost / trials;
      assertThat(share - 5 * Math.sqrt(share / trials)).isPositive().isLessThan(bound);
    }
  }

  @Test
  void one_pair_that_bears_the_whole_shift_is_the_worst_case() {
    double radius = NoiseSampler.NOISE.radius();
    double none = outside(0, radius);
    for (double shift : new double[] {1, 3, 5, 7}) {
      double whole = outside(shift, radius) - none;
      for (int pairs : new int[] {2, 3, 10}) {
        double shared = pairs * (outside(shift / Math.sqrt(pairs), radius) - none);
        assertThat(shared).as("%s over %d", shift, pairs).isLessThan(whole * (1 + 1e-6));
      }
    }
  }

  @Test
  void less_noise_and_more_values_leave_out_more() {
    double before = 1;
    for (double z = 0.02; z < 40; z *= 1.02) {
      double now = leftOut(z, 100);
      assertThat(now).as("z = %s", z).isPositive().isLessThanOrEqualTo(before);
      assertThat(leftOut(z, 101)).isGreaterThanOrEqualTo(now);
      assertThat(NoiseSampler.MASKS.leftOut(new NoiseMultiplier(z), 100))
          .isGreaterThanOrEqualTo(now);
      before = now;
    }
    assertThat(leftOut(1e9, 100)).isCloseTo(200 * 0x1p-66, within(0x1p-64));
    for (double z : new double[] {0.1, 0.05, 1e-6, 1e-300}) {
      assertThat(leftOut(z, 1)).isEqualTo(1);
    }
  }

  @Test
  void noise_that_ends_before_it_covers_an_example_promises_nothing() {
    for (double z : new double[] {0.05, 0.1, 0.19}) {
      assertThat(EXACT.epsilon(gaussian(z), new Delta(1e-5))).isEqualTo(Epsilon.INFINITE);
      PrivacyStatement statement =
          PrivacyStatement.of(
              shuffled(steps(1, noised(Channel.RESIDUALS, z))), new GaussianAccountant());
      assertThat(statement.view()).isEqualTo(Epsilon.INFINITE);
      assertThat(statement.residuals()).isEqualTo(Epsilon.INFINITE);
      assertThat(statement.lines()).allMatch(line -> line.contains("sampler's missing tails"));
    }
    assertThat(EXACT.epsilon(gaussian(0.2), new Delta(1e-5)).isFinite()).isTrue();
    assertThat(EXACT.delta(gaussian(0.05), new Epsilon(1e6))).isEqualTo(Delta.ONE);
  }

  @Test
  void masks_end_before_noise_does() {
    Release release = noised(Channel.RESIDUALS, 0.21);
    Ledger one = shuffled(steps(1, release));
    Ledger two = new Ledger(one.sampling(), one.delta(), one.entries(), 2);
    assertThat(one.epsilon(_ -> true, new GaussianAccountant()).isFinite()).isTrue();
    assertThat(two.epsilon(_ -> true, new GaussianAccountant()).isFinite()).isFalse();
    assertThat(PrivacyStatement.of(two, new GaussianAccountant()).lines().getFirst())
        .contains("epsilon infinite, because of residuals (the noise is so small");
    Ledger weights = shuffled(steps(1, noised(Channel.WEIGHTS, 0.21)));
    assertThat(new Ledger(one.sampling(), one.delta(), weights.entries(), 2).leftOut(_ -> true))
        .isEqualTo(weights.leftOut(_ -> true));
  }

  @Test
  void channels_that_are_finite_alone_can_use_up_delta_together() {
    // 2 o is 7e-6 at z = 0.2, and delta 1e-5.
    Ledger ledger =
        shuffled(steps(1, noised(Channel.RESIDUALS, 0.2), noised(Channel.GRADIENTS, 0.2)));
    PrivacyStatement statement = PrivacyStatement.of(ledger, new GaussianAccountant());
    assertThat(statement.residuals().isFinite()).isTrue();
    assertThat(statement.view().isFinite()).isFalse();
    assertThat(statement.lines().getLast())
        .startsWith("the worker's whole view: epsilon infinite, because of the noise is so small");
  }

  @Test
  void where_noise_is_large_the_answer_is_that_of_unbounded_noise() {
    for (Accountant ideal : Events.accountants()) {
      double q = ideal instanceof GaussianAccountant ? 1 : 0.01;
      for (double z : new double[] {0.6, 1.1, 4}) {
        double plain = Events.epsilon(ideal, run(q, z, 20), 1e-5);
        double own = Events.epsilon(new SampledNoiseAccountant(ideal), run(q, z, 20), 1e-5);
        assertThat(own).isBetween(plain, plain * (1 + 1e-9));
      }
    }
    for (double z : new double[] {0.3, 0.4}) {
      double plain = Events.epsilon(new GaussianAccountant(), gaussian(z), 1e-5);
      double own = Events.epsilon(EXACT, gaussian(z), 1e-5);
      assertThat(own).isBetween(plain, plain * (1 + 1e-5));
    }
  }

  @Test
  void each_time_that_an_example_takes_part_counts() {
    Release release = noised(Channel.RESIDUALS, 0.3);
    double once = 2 * leftOut(0.3, release.values());
    for (int epochs : new int[] {1, 3, 50}) {
      Ledger shuffled = shuffled(steps(10L * epochs, release));
      Ledger sampled = Ledgers.sampled(steps(100L * epochs, release));
      for (Ledger ledger : new Ledger[] {shuffled, sampled}) {
        assertThat(ledger.leftOut(_ -> true)).isBetween(epochs * once, epochs * once * (1 + 1e-8));
      }
      assertThat(NoiseSampler.NOISE.leftOut(run(0.01, 0.3, 100L * epochs)))
          .isBetween(epochs * 2 * leftOut(0.3, 1), epochs * 2 * leftOut(0.3, 1) * (1 + 1e-8));
    }
    assertThat(shuffled(steps(10, release)).leftOut(_ -> false)).isZero();
  }

  @Test
  void calibration_never_goes_where_the_sampler_leaves_out_more_than_delta() {
    Calibration calibration =
        new Calibration(EXACT, new PrivacyBudget(new Epsilon(1e9), new Delta(1e-5)));
    double z = calibration.noiseMultiplier(noise -> gaussian(noise.value())).value();
    assertThat(z).isBetween(0.19, 0.2);
    assertThat(EXACT.epsilon(gaussian(z), new Delta(1e-5)).isFinite()).isTrue();
  }
}
