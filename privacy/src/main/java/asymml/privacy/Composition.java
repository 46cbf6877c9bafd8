package asymml.privacy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// An event in the normal form that all accountants share: order does not matter to a bound on
/// adaptive composition, and Gaussian mechanisms about the same examples merge into one.
///
/// Releases `M_i(x) = f_i(x) + N(0, z_i^2 C_i^2 I)` about the same examples are, scaled by their
/// bounds, one vector of sensitivity `sqrt(sum 1/z_i^2)` under unit noise: one Gaussian mechanism
/// with `1/z^2 = sum 1/z_i^2`, adaptively chosen or not (Dong, Roth and Su, "Gaussian differential
/// privacy", 2019, arXiv 1905.02383, corollary 3.3). The same holds inside one Poisson sample,
/// since all of the step's releases are about the same draw.
///
/// @param unprotected the reasons for which nothing is promised; empty if there are none
/// @param inverseSquares `sum 1/z^2` of the releases that are not sampled; 0 if there are none
/// @param sampled the sampled releases at rates below 1, and how often each happened (at least 1)
record Composition(
    List<String> unprotected, double inverseSquares, SortedMap<SampledGaussian, Long> sampled) {
  Composition {
    unprotected = List.copyOf(unprotected);
    sampled = Collections.unmodifiableSortedMap(new TreeMap<>(sampled));
  }

  /// The normal form of an event.
  ///
  /// @throws IllegalArgumentException if a Poisson sample is taken of a Poisson sample, or
  ///   something happened more than 2^63 times
  static Composition of(PrivacyEvent event) {
    var builder = new Builder();
    builder.add(event, 1);
    return builder.build();
  }

  boolean isUnprotected() {
    return !unprotected.isEmpty();
  }

  boolean isNothing() {
    return unprotected.isEmpty() && sampled.isEmpty() && inverseSquares == 0;
  }

  boolean isSampled() {
    return !sampled.isEmpty();
  }

  /// The unsampled releases as one Gaussian mechanism, z rounded down.
  NoiseMultiplier unsampled() {
    return merged(inverseSquares);
  }

  private static NoiseMultiplier merged(double inverseSquares) {
    if (!Double.isFinite(inverseSquares)) {
      throw new ArithmeticException("noise multipliers too small to compose");
    }
    return new NoiseMultiplier(Math.nextDown(Math.nextDown(1 / Math.sqrt(inverseSquares))));
  }

  private static final class Builder {
    private final List<String> unprotected = new ArrayList<>();
    private final SortedMap<SampledGaussian, Long> sampled = new TreeMap<>();
    private double inverseSquares;

    void add(PrivacyEvent event, long times) {
      if (times == 0) {
        return;
      }
      switch (event) {
        case PrivacyEvent.NoOp() -> {}
        case PrivacyEvent.Gaussian(var noise) -> addInverseSquares(times, noise);
        case PrivacyEvent.Composed(var events) -> events.forEach(inner -> add(inner, times));
        case PrivacyEvent.SelfComposed(var inner, var count) -> add(inner, product(times, count));
        case PrivacyEvent.PoissonSampled(var rate, var inner) -> addSampled(rate, inner, times);
        case PrivacyEvent.Unprotected(var reason) -> unprotected.add(reason);
      }
    }

    private void addInverseSquares(long times, NoiseMultiplier noise) {
      // One division after the other: the square may leave the range of doubles. Rounded up, and
      // above 0 also where it is smaller than any double.
      double term = Math.nextUp(Math.nextUp(times / noise.value() / noise.value()));
      // Each sum is rounded up, so that any number of them stays a bound.
      inverseSquares = inverseSquares == 0 ? term : Math.nextUp(inverseSquares + term);
    }

    private void addSampled(SamplingRate rate, PrivacyEvent inner, long times) {
      if (rate.value() == 1) {
        add(inner, times);
        return;
      }
      Composition step = of(inner);
      unprotected.addAll(step.unprotected());
      if (step.isSampled()) {
        throw new IllegalArgumentException("a Poisson sample of a Poisson sample is not supported");
      }
      if (step.inverseSquares() > 0) {
        // A lone Gaussian keeps its own z: no rounding, and equal steps stay equal.
        NoiseMultiplier noise =
            lone(inner) instanceof PrivacyEvent.Gaussian(var z) ? z : step.unsampled();
        sampled.merge(new SampledGaussian(rate, noise), times, Builder::sum);
      }
    }

    private static PrivacyEvent lone(PrivacyEvent event) {
      return event instanceof PrivacyEvent.Composed(var events) && events.size() == 1
          ? lone(events.getFirst())
          : event;
    }

    private static long product(long a, long b) {
      if (Math.multiplyHigh(a, b) != 0 || a * b < 0) {
        throw new IllegalArgumentException("too many repetitions: " + a + " x " + b);
      }
      return a * b;
    }

    private static long sum(long a, long b) {
      if (a + b < 0) {
        throw new IllegalArgumentException("too many repetitions: " + a + " + " + b);
      }
      return a + b;
    }

    Composition build() {
      return new Composition(unprotected, inverseSquares, sampled);
    }
  }

  /// All parts as sampled releases, the unsampled ones merged into one at rate 1.
  Map<SampledGaussian, Long> parts() {
    var parts = new TreeMap<>(sampled);
    if (inverseSquares > 0) {
      parts.put(new SampledGaussian(new SamplingRate(1), unsampled()), 1L);
    }
    return parts;
  }
}
