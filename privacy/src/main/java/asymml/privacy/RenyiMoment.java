package asymml.privacy;

import org.hipparchus.special.Gamma;

/// `ln A(alpha)`, the logarithm of the alpha-th moment of the likelihood ratio of one subsampled
/// Gaussian step: `E_(x ~ N(0, s^2)) [((1 - q) + q exp((2x - 1) / (2 s^2)))^alpha]`.
final class RenyiMoment {
  /// As in the public library, so that the same orders count.
  private static final int MOST_TERMS = 1000;

  /// Terms below `exp(-30)` of the sum end a series.
  private static final double NEGLIGIBLE = -30;

  /// What a term's logarithm may be off by, relative to its largest part: four roundings.
  private static final double ROUNDING = 4 * Math.ulp(1.0);

  private RenyiMoment() {}

  /// An upper bound on `ln A`.
  ///
  /// @param q the sampling rate, above 0 and below 1
  /// @param s the noise multiplier
  /// @param alpha the order, above 1
  /// @return infinite where the series has not converged
  static double log(double q, double s, double alpha) {
    return alpha == Math.rint(alpha) ? integer(q, s, (int) alpha) : fractional(q, s, alpha);
  }

  private static double integer(double q, double s, int alpha) {
    double sum = Double.NEGATIVE_INFINITY;
    for (int i = 0; i <= alpha; i++) {
      double term = logBinomial(alpha, i) + i * Math.log(q) + (alpha - i) * Math.log1p(-q);
      sum = logSum(sum, term + ((double) i * i - i) / (2 * s * s));
    }
    // All terms are positive: the sum's relative error is that of the terms. It is never below 1.
    return Math.max(0, sum) + ROUNDING * (1 + alpha / 100.0);
  }

  private static double fractional(double q, double s, double alpha) {
    double split = s * s * Math.log(1 / q - 1) + 0.5;
    double below = Double.NEGATIVE_INFINITY;
    double above = Double.NEGATIVE_INFINITY;
    double lastBelow = Double.NEGATIVE_INFINITY;
    double lastAbove = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < MOST_TERMS; i++) {
      double j = alpha - i;
      double coefficient = logBinomial(alpha, i);
      double termBelow =
          coefficient
              + i * Math.log(q)
              + j * Math.log1p(-q)
              + ((double) i * i - i) / (2 * s * s)
              + logTail((i - split) / s);
      double termAbove =
          coefficient
              + j * Math.log(q)
              + i * Math.log1p(-q)
              + (j * j - j) / (2 * s * s)
              + logTail((split - j) / s);
      below = logSum(below, termBelow);
      above = logSum(above, termAbove);
      double total = logSum(below, above);
      if (termBelow < lastBelow
          && termAbove < lastAbove
          && Math.max(termBelow, termAbove) < total + NEGLIGIBLE) {
        return Math.max(0, total) + ROUNDING;
      }
      lastBelow = termBelow;
      lastAbove = termAbove;
    }
    return Double.POSITIVE_INFINITY;
  }

  /// `ln |binomial(n, k)|` for any real n above 0.
  private static double logBinomial(double n, int k) {
    return logGamma(n + 1) - logGamma(k + 1.0) - logGamma(n - k + 1);
  }

  /// `ln |Gamma(x)|`; the library's covers positive x only, the rest is Euler's reflection.
  private static double logGamma(double x) {
    return x > 0
        ? Gamma.logGamma(x)
        : Math.log(Math.PI / Math.abs(Math.sin(Math.PI * (x - Math.rint(x)))))
            - Gamma.logGamma(1 - x);
  }

  /// `ln` of the standard normal mass beyond z.
  private static double logTail(double z) {
    return z >= 0
        ? -0.5 * z * z + Math.log(GaussianTail.scaled(z))
        : Math.log1p(-GaussianTail.above(-z));
  }

  private static double logSum(double a, double b) {
    double larger = Math.max(a, b);
    return larger == Double.NEGATIVE_INFINITY
        ? larger
        : larger + Math.log1p(Math.exp(Math.min(a, b) - larger));
  }
}
