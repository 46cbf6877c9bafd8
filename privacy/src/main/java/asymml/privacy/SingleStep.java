package asymml.privacy;

/// The exact privacy curve of one subsampled Gaussian step, from that of the Gaussian alone
/// (amplification by sampling; Balle, Barthe and Gaboardi 2018, arXiv 1807.01647, theorem 2): with
/// `w = 1 + (e^epsilon - 1) / q` when the example is removed, `delta_q(epsilon) = q delta(ln w)`;
/// with `w = 1 + (e^-epsilon - 1) / q` when it is added, `delta_q(epsilon) = q e^epsilon w
/// delta(-ln w)`, and 0 where w is not positive, since that loss never exceeds `-ln(1 - q)`.
final class SingleStep {
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
        yield logRate + AnalyticGaussian.logDelta(1 / step.z(), Math.max(0, inner));
      }
      case ADD -> {
        double inner = step.exponent(-epsilon);
        yield inner == Double.NEGATIVE_INFINITY
            ? inner
            : logRate
                + epsilon
                + inner
                + AnalyticGaussian.logDelta(1 / step.z(), Math.max(0, -inner));
      }
    };
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
