package asymml.privacy;

import static asymml.privacy.Events.all;
import static asymml.privacy.Events.delta;
import static asymml.privacy.Events.epsilon;
import static asymml.privacy.Events.gaussian;
import static asymml.privacy.Events.run;
import static asymml.privacy.Events.sampled;
import static asymml.privacy.Events.times;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class PldAccountantTest {
  private static final Accountant PLD = new PldAccountant();

  /// What bounds of neighbouring parameters may differ by without meaning: the lattice's effect.
  private static final double LATTICE = 2e-4;

  @ParameterizedTest
  @MethodSource("asymml.privacy.ReferenceCasesTest#all")
  void epsilon_meets_the_reference_to_one_per_cent_and_is_never_above_that_of_rdp(
      ReferenceCasesTest.Case reference) {
    assertThat(epsilon(PLD, reference.run(), reference.delta()))
        .isCloseTo(reference.pld(), Percentage.withPercentage(1))
        .isLessThanOrEqualTo(epsilon(new RdpAccountant(), reference.run(), reference.delta()));
  }

  /// At rate 1 the truth is known; here the general path is made to take it, which the accountant
  /// itself spares.
  @ParameterizedTest
  @CsvSource({
    "2, 10, 1e-5",
    "50, 2600, 1e-5",
    "50, 2600, 1e-10",
    "0.3, 2, 1e-5",
    "0.0625, 5, 1e-5",
    "0.0078125, 1000, 1e-5",
    "100, 1000000, 1e-6",
    "1000, 100, 1e-9"
  })
  void composing_numerically_is_never_below_the_exact_gaussian(double z, long steps, double delta) {
    double exact = epsilon(new GaussianAccountant(), times(steps, gaussian(z)), delta);
    for (StepLoss.Direction direction : StepLoss.Direction.values()) {
      double epsilon = new LossComposer(parts(1, z, steps), direction).epsilon(delta);
      assertThat(epsilon).isGreaterThanOrEqualTo(exact);
      assertThat(epsilon).isCloseTo(exact, Percentage.withPercentage(0.05));
    }
  }

  private static Map<SampledGaussian, Long> parts(double q, double z, long steps) {
    var parts = new TreeMap<SampledGaussian, Long>();
    parts.put(new SampledGaussian(new SamplingRate(q), new NoiseMultiplier(z)), steps);
    return parts;
  }

  @ParameterizedTest
  @CsvSource({
    "0.01, 1, 0",
    "0.01, 1, 0.3",
    "0.3, 0.5, 2",
    "0.9, 2, 0.5",
    "1e-4, 1, 0.001",
    "0.02, 0.3, 3"
  })
  void one_step_is_what_quadrature_gives(double q, double z, double epsilon) {
    double removed = new LossOracle(q, z, true).deltaOfOne(epsilon);
    double added = new LossOracle(q, z, false).deltaOfOne(epsilon);
    assertThat(delta(PLD, run(q, z, 1), epsilon))
        .isCloseTo(Math.max(removed, added), Percentage.withPercentage(1e-4));
    StepLoss addition = new StepLoss(q, z, StepLoss.Direction.ADD);
    assertThat(Math.exp(SingleStep.logDelta(addition, epsilon)) - added)
        .isBetween(-1e-10, 1e-6 * added + 1e-10);
  }

  @ParameterizedTest
  @CsvSource({"0.01, 1, 0.2", "0.3, 0.5, 2", "0.9, 2, 0.5", "0.1, 5, 0.01", "0.02, 0.3, 3"})
  void two_steps_are_what_quadrature_gives(double q, double z, double epsilon) {
    for (StepLoss.Direction direction : StepLoss.Direction.values()) {
      boolean removing = direction == StepLoss.Direction.REMOVE;
      double exact = new LossOracle(q, z, removing).deltaOfTwo(epsilon);
      double delta = new LossComposer(parts(q, z, 2), direction).delta(epsilon);
      assertThat(delta).isGreaterThanOrEqualTo(exact * (1 - 1e-7) - 1e-12);
      assertThat(delta).isLessThanOrEqualTo(exact * (1 + 2e-3) + 1e-12);
    }
  }

  @ParameterizedTest
  @CsvSource({"0.05, 2, 6, 1e-5, 5e-4", "0.2, 4, 5, 1e-4, 5e-4", "0.5, 3, 4, 1e-6, 1e-3"})
  void many_steps_lie_between_direct_convolutions(
      double q, double z, int doublings, double delta, double step) {
    for (StepLoss.Direction direction : StepLoss.Direction.values()) {
      var oracle = new LossOracle(q, z, direction == StepLoss.Direction.REMOVE);
      double below = oracle.epsilonOfMany(doublings, step, -0.5, delta);
      double nearest = oracle.epsilonOfMany(doublings, step, 0, delta);
      double epsilon = new LossComposer(parts(q, z, 1L << doublings), direction).epsilon(delta);
      assertThat(epsilon).isGreaterThan(below);
      assertThat(epsilon).isCloseTo(nearest, Percentage.withPercentage(0.1));
    }
  }

  @Test
  void delta_inverts_epsilon_and_neither_is_looser_than_rdp() {
    long seed = 20261123;
    System.out.println("seed " + seed);
    var random = new Random(seed);
    for (int i = 0; i < 12; i++) {
      double q = Math.pow(10, -4 * random.nextDouble());
      double z = Math.pow(10, -0.5 + 2 * random.nextDouble());
      long steps = (long) Math.pow(10, 4 * random.nextDouble());
      double delta = Math.pow(10, -3 - 7 * random.nextDouble());
      PrivacyEvent run = run(q, z, steps);
      String what = "q " + q + ", z " + z + ", steps " + steps + ", delta " + delta;
      double epsilon = epsilon(PLD, run, delta);
      assertThat(epsilon).as(what).isLessThanOrEqualTo(epsilon(new RdpAccountant(), run, delta));
      double back = delta(PLD, run, epsilon);
      assertThat(back).as(what).isLessThanOrEqualTo(delta * 1.01);
      if (epsilon > 0) {
        assertThat(back).as(what).isGreaterThanOrEqualTo(delta * 0.97);
      }
    }
  }

  @Test
  void epsilon_grows_with_steps_and_rate_and_falls_with_noise_and_delta() {
    double last = 0;
    for (long steps : new long[] {1, 2, 3, 10, 11, 100, 1000, 10_000}) {
      double epsilon = epsilon(PLD, run(0.02, 1, steps), 1e-6);
      assertThat(epsilon).isGreaterThan(last * (1 - LATTICE));
      last = epsilon;
    }
    last = 0;
    for (double rate : new double[] {1e-4, 1e-3, 0.01, 0.1, 0.5, 0.99, 1}) {
      double epsilon = epsilon(PLD, run(rate, 2, 300), 1e-6);
      assertThat(epsilon).isGreaterThan(last * (1 - LATTICE));
      last = epsilon;
    }
    last = Double.POSITIVE_INFINITY;
    for (double z : new double[] {0.3, 0.5, 0.51, 1, 2, 10, 100}) {
      double epsilon = epsilon(PLD, run(0.02, z, 300), 1e-6);
      assertThat(epsilon).isLessThan(last * (1 + LATTICE));
      last = epsilon;
    }
    last = Double.POSITIVE_INFINITY;
    for (double delta : new double[] {1e-100, 1e-30, 1e-10, 1e-5, 1e-3, 0.1, 0.9}) {
      double epsilon = epsilon(PLD, run(0.02, 1, 300), delta);
      assertThat(epsilon).isLessThanOrEqualTo(last * (1 + LATTICE));
      last = epsilon;
    }
  }

  @Test
  void hardly_sampling_is_like_the_limit_of_sampling_everybody() {
    double exact = epsilon(PLD, run(1, 1, 100), 1e-5);
    assertThat(epsilon(PLD, run(1 - 1e-9, 1, 100), 1e-5))
        .isCloseTo(exact, Percentage.withPercentage(0.02));
  }

  @Test
  void rare_draws_with_heavy_losses_are_told_from_the_bound_of_markov() {
    // Markov's bound on epsilon is 2.3 here; a release is drawn once in a thousand runs.
    double epsilon = epsilon(PLD, run(1e-6, 0.5, 1000), 1e-8);
    assertThat(epsilon).isBetween(0.0217, 0.0218);
  }

  @Test
  void gaussians_inside_one_sample_cost_what_one_gaussian_does() {
    PrivacyEvent step = sampled(0.01, all(gaussian(3), gaussian(4)));
    assertThat(epsilon(PLD, times(500, step), 1e-5))
        .isCloseTo(epsilon(PLD, run(0.01, 2.4, 500), 1e-5), Percentage.withPercentage(0.02));
  }

  @Test
  void different_steps_compose_in_any_order_and_cost_more_than_either() {
    PrivacyEvent one = run(0.01, 1, 500);
    PrivacyEvent two = all(run(0.02, 2, 500), gaussian(8));
    double together = epsilon(PLD, all(one, two), 1e-5);
    assertThat(epsilon(PLD, all(two, one), 1e-5)).isEqualTo(together);
    assertThat(together)
        .isGreaterThan(Math.max(epsilon(PLD, one, 1e-5), epsilon(PLD, two, 1e-5)))
        .isLessThan(epsilon(PLD, one, 5e-6) + epsilon(PLD, two, 5e-6))
        .isLessThan(epsilon(new RdpAccountant(), all(one, two), 1e-5));
  }

  @Test
  void a_run_cut_in_two_costs_what_the_whole_does() {
    double whole = epsilon(PLD, run(0.01, 1, 1000), 1e-5);
    assertThat(epsilon(PLD, all(run(0.01, 1, 400), run(0.01, 1, 600)), 1e-5)).isEqualTo(whole);
    // Steps that differ in the last digit cannot be counted together, but cost the same.
    PrivacyEvent apart = all(run(0.01, 1, 400), run(0.01, Math.nextDown(1.0), 600));
    assertThat(epsilon(PLD, apart, 1e-5)).isCloseTo(whole, Percentage.withPercentage(0.01));
  }

  @Test
  void noise_far_too_small_still_has_a_finite_cost_below_that_of_rdp() {
    // Each draw costs 1 / (2 z^2) = 8192 or so; ten of a thousand steps draw, at most 27.
    PrivacyEvent run = run(0.01, 1 / 128.0, 1000);
    double epsilon = epsilon(PLD, run, 1e-5);
    assertThat(epsilon).isBetween(20 * 8192.0, 28 * 8192.0);
    assertThat(delta(PLD, run, 2 * epsilon)).isLessThan(1e-12);
  }

  /// The aim once was a negative bound of Markov, which every round "improved" for ever.
  @ParameterizedTest
  @CsvSource({
    "0.01, 1.1, 1000",
    "1e-9, 1, 2",
    "1e-9, 0.001, 1000",
    "0.999999, 1, 1000",
    "0.5, 10, 1000000"
  })
  void a_delta_near_one_has_an_answer_that_falls_to_nothing(double q, double z, long steps) {
    double before = epsilon(PLD, run(q, z, steps), 0.5);
    for (double delta : new double[] {0.9, 0.999, 0.999999999, Math.nextDown(1.0)}) {
      double now = epsilon(PLD, run(q, z, steps), delta);
      assertThat(now).as("delta %s", delta).isBetween(0.0, before * (1 + 1e-3) + 1e-6);
      assertThat(now)
          .isLessThanOrEqualTo(epsilon(new RdpAccountant(), run(q, z, steps), delta) + 1e-9);
      before = now;
    }
  }

  @ParameterizedTest
  @CsvSource({"1e-9, 1", "1e-9, 0.001", "0.01, 1", "0.999999, 1000"})
  void more_steps_than_a_lattice_has_room_for_are_refused_at_once(double q, double z) {
    for (double delta : new double[] {1e-300, 1e-5, 0.5, 0.999999999}) {
      assertThatExceptionOfType(ArithmeticException.class)
          .isThrownBy(() -> epsilon(PLD, run(q, z, Long.MAX_VALUE), delta))
          .withMessageContaining("too many steps");
    }
  }

  /// Truncated steps count as infinite losses: what Markov's bound leaves for finite ones is less.
  @ParameterizedTest
  @CsvSource({"0.01, 1.1, 1000, 1e-5", "0.5, 2, 10, 1e-10", "1e-4, 0.7, 100000, 0.3"})
  void the_first_bound_is_above_the_law_of_the_sum(double q, double z, long steps, double delta) {
    for (StepLoss.Direction direction : StepLoss.Direction.values()) {
      LossGrids grids = LossGrids.of(parts(q, z, steps), direction, 1e-3, 1e-6 * delta / steps);
      assertThat(grids.infinite()).isBetween(0.0, 1e-5 * delta);
      double tilt = grids.tiltForMass(Math.log(delta));
      assertThat(grids.safeReach(tilt, Math.log(delta - grids.infinite())))
          .isGreaterThan(grids.reach(tilt, Math.log(delta)));
      assertThat(new LossComposer(parts(q, z, steps), direction).epsilon(delta))
          .isLessThanOrEqualTo(
              Math.max(0, grids.safeReach(tilt, Math.log(delta - grids.infinite()))) * 1.001);
    }
  }

  @Test
  void what_does_not_converge_is_an_exception_and_never_a_number() {
    assertThatExceptionOfType(ArithmeticException.class)
        .isThrownBy(() -> epsilon(PLD, run(0.01, 1, 100_000_000_000_000L), 1e-5))
        .withMessageContaining("too many steps");
    assertThatExceptionOfType(ArithmeticException.class)
        .isThrownBy(() -> epsilon(PLD, run(0.01, 1, 100), 1e-300))
        .withMessageContaining("did not converge");
  }

  @ParameterizedTest
  @CsvSource({"1e-4, 1", "1e-3, 1", "0.01, 0.8", "0.1, 100", "1e-4, 50"})
  void a_million_steps_take_few_and_short_transforms(double q, double z) {
    double worst = 0;
    long points = 0;
    for (StepLoss.Direction direction : StepLoss.Direction.values()) {
      var composer = new LossComposer(parts(q, z, 1_000_000), direction);
      worst = Math.max(worst, composer.epsilon(1e-5));
      points += composer.transformedPoints();
    }
    assertThat(points).isPositive().isLessThan(1L << 24);
    assertThat(epsilon(PLD, run(q, z, 1_000_000), 1e-5)).isEqualTo(worst);
  }
}
