package asymml.privacy;

import java.util.Map;

/// Renyi differential privacy: loose by some per cent, fast, and what most of the literature
/// reports.
///
/// The divergence of one subsampled Gaussian at order alpha is `ln(A) / (alpha - 1)` (Mironov,
/// Talwar and Zhang, "Renyi differential privacy of the sampled Gaussian mechanism", 2019, arXiv
/// 1908.10530): a finite sum for integer orders (section 3.3, equation for integer alpha), two
/// series for fractional ones. Divergences add over steps. The conversion to (epsilon, delta) is
/// that of Canonne, Kamath and Steinke (arXiv 2004.00010, proposition 12; also Asoodeh et al.,
/// arXiv 2001.05990, equation 20), and `delta <= sqrt(1 - exp(-KL))` where that shows epsilon 0.
///
/// The orders, the 1000 terms at most of a series, and taking every term of a series by its
/// absolute value (its terms alternate from `i > alpha` on, so this is an upper bound) are those of
/// the public dp_accounting library, so that the two report the same values. A series that has not
/// converged by then has no bound at that order, which is left out: a smaller set of orders is a
/// larger epsilon. If no order is left, the answer is an exception.
public record RdpAccountant() implements Accountant {
  private static final double[] ORDERS = orders();

  /// Where the conversion to epsilon is stable; all orders above are.
  private static final double SMALLEST_ORDER = 1.01;

  private static double[] orders() {
    double[] orders = new double[99 + 53 + 4];
    int n = 0;
    for (int i = 1; i < 100; i++) {
      orders[n++] = 1 + i / 10.0;
    }
    for (int order = 11; order < 64; order++) {
      orders[n++] = order;
    }
    for (int order : new int[] {128, 256, 512, 1024}) {
      orders[n++] = order;
    }
    return orders;
  }

  @Override
  public Epsilon epsilon(PrivacyEvent event, Delta delta) {
    Composition composition = Composition.of(event);
    return Answers.epsilon(composition, delta, () -> epsilonBound(composition, delta.value()));
  }

  @Override
  public Delta delta(PrivacyEvent event, Epsilon epsilon) {
    Composition composition = Composition.of(event);
    return Answers.delta(composition, epsilon, () -> deltaBound(composition, epsilon.value()));
  }

  @Override
  public void requireSupported(PrivacyEvent event) {
    var _ = Composition.of(event);
  }

  private static double epsilonBound(Composition composition, double delta) {
    double best = Double.POSITIVE_INFINITY;
    for (double order : ORDERS) {
      double divergence = divergence(composition, order);
      // delta >= sqrt(1 - exp(-divergence)): no epsilon is needed.
      if (delta * delta + Math.expm1(-divergence) > 0) {
        return 0;
      }
      double epsilon = divergence + Math.log1p(-1 / order) - Math.log(delta * order) / (order - 1);
      best = Math.min(best, epsilon);
    }
    return Math.max(0, Math.nextUp(best));
  }

  private static double deltaBound(Composition composition, double epsilon) {
    double best = Double.POSITIVE_INFINITY;
    for (double order : ORDERS) {
      double divergence = divergence(composition, order);
      double pinsker = 0.5 * Math.log(-Math.expm1(-divergence));
      double converted =
          (order - 1) * (divergence - epsilon + Math.log1p(-1 / order)) - Math.log(order);
      best = Math.min(best, Math.min(pinsker, converted));
    }
    return best == Double.POSITIVE_INFINITY ? Double.NaN : Math.nextUp(Math.exp(best));
  }

  /// The divergence of the whole composition at one order; infinite where a series did not
  /// converge.
  private static double divergence(Composition composition, double order) {
    if (order < SMALLEST_ORDER) {
      throw new IllegalArgumentException("order too near 1: " + order);
    }
    double sum = composition.inverseSquares() * order / 2;
    for (Map.Entry<SampledGaussian, Long> part : composition.sampled().entrySet()) {
      double logMoment =
          RenyiMoment.log(part.getKey().rate().value(), part.getKey().noise().value(), order);
      sum += part.getValue() * logMoment / (order - 1);
    }
    if (Double.isNaN(sum)) {
      throw new ArithmeticException("a Renyi divergence is not a number at order " + order);
    }
    return sum;
  }
}
