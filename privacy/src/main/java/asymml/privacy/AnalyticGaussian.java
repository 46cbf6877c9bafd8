package asymml.privacy;

/// The exact privacy curve of one Gaussian mechanism (Balle and Wang, "Improving the Gaussian
/// mechanism for differential privacy", ICML 2018, arXiv 1805.06530, theorem 8), with `mu = 1/z`:
///
///     delta(epsilon) = Phi(mu/2 - epsilon/mu) - e^epsilon Phi(-mu/2 - epsilon/mu).
///
/// With `a = epsilon/mu - mu/2` and `b = epsilon/mu + mu/2` one has `b^2 - a^2 = 2 epsilon`, so
/// that the second term is `exp(-a^2/2)` times a scaled tail: nothing overflows, and what cancels
/// are two scaled tails whose rounding errors are known and added.
final class AnalyticGaussian {
  private static final double ULP = Math.ulp(1.0);

  private AnalyticGaussian() {}

  /// The logarithm of delta, rounded up; never minus infinity.
  ///
  /// @param mu `1/z`, positive
  /// @param epsilon at least 0
  /// @throws ArithmeticException if mu and epsilon are beyond what doubles hold
  static double logDelta(double mu, double epsilon) {
    if (Double.isNaN(epsilon / mu)) {
      throw new ArithmeticException("a privacy bound did not converge");
    }
    return Double.isInfinite(epsilon / mu)
        ? -Double.MAX_VALUE
        : Math.max(-Double.MAX_VALUE, finiteLogDelta(mu, epsilon));
  }

  private static double finiteLogDelta(double mu, double epsilon) {
    // a is where cancellation happens; a smaller a is a larger delta.
    double a = epsilon / mu - mu / 2;
    a -= 4 * ULP * (epsilon / mu + mu / 2);
    double b = epsilon / mu + mu / 2;
    double second = GaussianTail.scaled(b);
    if (a <= 0) {
      double first = GaussianTail.above(a);
      return Math.log(
          Math.min(1, first - Math.exp(-0.5 * a * a) * second + 8 * ULP * Math.max(first, second)));
    }
    double first = GaussianTail.scaled(a);
    double difference = first - second + 16 * ULP * first;
    return -0.5 * a * a * (1 - 4 * ULP) + Math.log(difference);
  }

  /// Delta, rounded up: above 0 also where it is smaller than any double.
  ///
  /// @param mu `1/z`, positive
  /// @param epsilon at least 0
  static double delta(double mu, double epsilon) {
    return exponential(logDelta(mu, epsilon));
  }

  /// A probability from its logarithm, rounded up.
  static double exponential(double logarithm) {
    return Math.min(1, Math.nextUp(Math.nextUp(Math.exp(logarithm))));
  }

  /// The smallest epsilon at a delta, rounded up.
  ///
  /// @param mu `1/z`, positive
  /// @param delta above 0 and below 1
  static double epsilon(double mu, double delta) {
    double target = Math.log(delta);
    // The bound of zero-concentrated differential privacy (Bun and Steinke 2016, arXiv 1605.02065,
    // proposition 1.3).
    double high = mu * mu / 2 + mu * Math.sqrt(-2 * target);
    return Bisection.smallest(
        epsilon -> logDelta(mu, epsilon), target, high * (1 + 1e-9) + Double.MIN_NORMAL);
  }
}
