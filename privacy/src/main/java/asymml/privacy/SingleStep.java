package asymml.privacy;

/// The exact privacy curve of one subsampled Gaussian step, from that of the Gaussian alone
/// (amplification by sampling; Balle, Barthe and Gaboardi 2018, arXiv 1807.01647, theorem 2): with
/// `w = 1 + (e^epsilon - 1) / q` when the example is removed, `delta_q(epsilon) = q delta(ln w)`;
/// with `w = 1 + (e^-epsilon - 1) / q` when it is added, `delta_q(epsilon) = q e^epsilon w
/// delta(-ln w)`, and 0 where w is not positive, since that loss never exceeds `-ln(1 - q)`.
final class SingleStep {
  private static final double ULP = Math.ulp(1.0);

  private SingleStep() {}

  /// The logarithm of delta, rounded up; minus infinity where delta is 0.
  ///
  /// @param step the step and its direction
  /// @param epsilon at least 0
  static double logDelta(StepLoss step, double epsilon) {
    double logRate = Math.log(step.q());
    return switch (step.direction()) {
      case REMOVE -> {
        double inner = step.exponent(epsilon);
        yield roundedUp(logRate, 0, AnalyticGaussian.logDelta(1 / step.z(), safe(inner)));
      }
      case ADD -> {
        double inner = step.exponent(-epsilon);
        yield inner == Double.NEGATIVE_INFINITY
            ? inner
            : roundedUp(
                logRate + epsilon, inner, AnalyticGaussian.logDelta(1 / step.z(), safe(-inner)));
      }
    };
  }

  /// An epsilon of the Gaussian alone, rounded down: that makes delta larger.
  private static double safe(double inner) {
    return Math.max(0, inner * (1 - 8 * ULP));
  }

  private static double roundedUp(double outer, double inner, double logDelta) {
    // A sum that leaves the range of doubles is below all of them.
    double sizes = Math.min(1e300, Math.abs(outer) + Math.abs(inner) + Math.abs(logDelta));
    return Math.max(-Double.MAX_VALUE, outer + inner + logDelta) + 8 * ULP * sizes;
  }

  /// Delta, rounded up; 0 only where no loss exceeds epsilon.
  ///
  /// @param step the step and its direction
  /// @param epsilon at least 0
  static double delta(StepLoss step, double epsilon) {
    double logDelta = logDelta(step, epsilon);
    return logDelta == Double.NEGATIVE_INFINITY ? 0 : AnalyticGaussian.exponential(logDelta);
  }

  /// The smallest epsilon at a delta, rounded up.
  ///
  /// @param step the step and its direction
  /// @param delta above 0 and below 1
  static double epsilon(StepLoss step, double delta) {
    // Without sampling it would be larger.
    double high = AnalyticGaussian.epsilon(1 / step.z(), delta);
    return Bisection.smallest(
        epsilon -> logDelta(step, epsilon), Math.log(delta), high * (1 + 1e-9) + 1e-300);
  }
}
