package asymml.privacy;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;

/// The inverse questions: which noise, and how many steps, a budget buys. Every answer has been put
/// to the accountant and lies inside the budget.
///
/// @param accountant who answers
/// @param budget what may be spent
public record Calibration(Accountant accountant, PrivacyBudget budget) {
  /// The answer is at most this share above the smallest noise multiplier that would do.
  private static final double PRECISION = 1e-4;

  private static final double SMALLEST_NOISE = 1e-6;
  private static final double LARGEST_NOISE = 1e9;

  /// The most steps that are ever promised, 2^30: no run goes beyond, nor does [PldAccountant].
  public static final long MOST_STEPS = 1L << 30;

  /// The smallest noise multiplier that keeps a run inside the budget, from above, to 1e-4.
  ///
  /// @param run what a run with a given noise multiplier releases; more noise must not cost more
  /// @return a noise multiplier with which the run is inside the budget; never below 1e-6
  /// @throws IllegalArgumentException if no noise multiplier up to 1e9 is enough, as when the run
  ///   contains an unprotected release
  public NoiseMultiplier noiseMultiplier(Function<NoiseMultiplier, PrivacyEvent> run) {
    return smallest(z -> affords(run.apply(z)))
        .orElseThrow(() ->
            new IllegalArgumentException(
                "no noise keeps this run inside epsilon " + budget.epsilon().value()));
  }

  /// The smallest noise multiplier that is enough, from above, to 1e-4.
  ///
  /// @param isEnough whether a noise multiplier is; if one is, so are all larger ones
  /// @return a noise multiplier that is enough, never below 1e-6; empty if none up to 1e9 is
  public static Optional<NoiseMultiplier> smallest(Predicate<NoiseMultiplier> isEnough) {
    double enough = 1;
    while (!isEnough.test(new NoiseMultiplier(enough))) {
      enough *= 2;
      if (enough > LARGEST_NOISE) {
        return Optional.empty();
      }
    }
    double little = enough / 2;
    while (little >= SMALLEST_NOISE && isEnough.test(new NoiseMultiplier(little))) {
      enough = little;
      little /= 2;
    }
    if (little < SMALLEST_NOISE) {
      return Optional.of(new NoiseMultiplier(enough));
    }
    while (enough > little * (1 + PRECISION)) {
      double middle = Math.sqrt(little * enough);
      if (isEnough.test(new NoiseMultiplier(middle))) {
        enough = middle;
      } else {
        little = middle;
      }
    }
    return Optional.of(new NoiseMultiplier(enough));
  }

  /// How many more steps the budget buys.
  ///
  /// @param spent what has been released so far
  /// @param step what one more step releases
  /// @return the largest number of steps inside the budget, 0 if it is spent already; at most 2^30
  /// @throws IllegalArgumentException if the accountant does not support the events
  public long steps(PrivacyEvent spent, PrivacyEvent step) {
    if (!affords(after(spent, step, 1))) {
      return 0;
    }
    long inside = 1;
    long outside = 2;
    while (affords(after(spent, step, outside))) {
      inside = outside;
      if (inside >= MOST_STEPS) {
        return inside;
      }
      outside *= 2;
    }
    while (outside - inside > 1) {
      long middle = inside + (outside - inside) / 2;
      if (affords(after(spent, step, middle))) {
        inside = middle;
      } else {
        outside = middle;
      }
    }
    return inside;
  }

  /// How many more epochs the budget buys, an epoch being `1 / q` steps of Poisson sampling.
  ///
  /// @param spent what has been released so far
  /// @param rate q
  /// @param release what a step releases about its sample
  /// @return `steps q`
  /// @throws IllegalArgumentException if the accountant does not support the events
  public double epochs(PrivacyEvent spent, SamplingRate rate, PrivacyEvent release) {
    return steps(spent, new PrivacyEvent.PoissonSampled(rate, release)) * rate.value();
  }

  /// Whether a run stays inside the budget.
  ///
  /// @param run what it releases
  /// @return true if its epsilon at the budget's delta is at most the budget's
  /// @throws IllegalArgumentException if the accountant does not support the event
  public boolean affords(PrivacyEvent run) {
    return accountant.epsilon(run, budget.delta()).isWithin(budget.epsilon());
  }

  private static PrivacyEvent after(PrivacyEvent spent, PrivacyEvent step, long count) {
    return new PrivacyEvent.Composed(List.of(spent, new PrivacyEvent.SelfComposed(step, count)));
  }
}
