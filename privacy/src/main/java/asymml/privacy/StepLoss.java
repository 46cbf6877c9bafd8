package asymml.privacy;

/// The privacy loss of one subsampled Gaussian step as a function of its outcome, in one direction.
///
/// Scaled to unit sensitivity, the step releases x from `N(0, z^2)` where the example is absent,
/// and from `(1 - q) N(0, z^2) + q N(1, z^2)` where it is present (drawn with probability q). Their
/// log likelihood ratio `l(x) = ln(1 - q + q exp((2x - 1) / (2 z^2)))` grows with x, from `ln(1 -
/// q)` without bound. Two directions: the example is removed (outcomes from the mixture, loss l) or
/// added (outcomes from the plain normal, loss -l).
///
/// @param q the sampling rate, above 0 and at most 1
/// @param z the noise multiplier
/// @param direction which of the two laws the outcomes come from
record StepLoss(double q, double z, Direction direction) {
  /// Which of two adjacent data sets the outcomes come from.
  enum Direction {
    /// From the one with the example: the loss is l.
    REMOVE,
    /// From the one without it: the loss is -l.
    ADD
  }

  /// `l(x)`.
  double logRatio(double x) {
    double exponent = (2 * x - 1) / (2 * z * z);
    if (q == 1) {
      return exponent;
    }
    // Small exponents keep their digits through expm1; large ones are taken out.
    return exponent > 1
        ? exponent + Math.log(q + (1 - q) * Math.exp(-exponent))
        : Math.log1p(q * Math.expm1(exponent));
  }

  /// The x with `l(x) = ratio`; minus infinity at and below `ln(1 - q)`.
  double outcome(double ratio) {
    return 0.5 + z * z * exponent(ratio);
  }

  /// The `(2x - 1) / (2 z^2)` with `l(x) = ratio`: `ln(1 + (e^ratio - 1) / q)`.
  double exponent(double ratio) {
    if (q == 1) {
      return ratio;
    }
    if (ratio > 1) {
      return ratio - Math.log(q) + Math.log1p(-(1 - q) * Math.exp(-ratio));
    }
    // Away from 0 the difference itself is exact enough; near 0 expm1 is.
    double argument = ratio < -0.5 ? (Math.exp(ratio) - (1 - q)) / q : 1 + Math.expm1(ratio) / q;
    if (argument <= 0) {
      return Double.NEGATIVE_INFINITY;
    }
    return Math.abs(ratio) < 0.25 * q ? Math.log1p(Math.expm1(ratio) / q) : Math.log(argument);
  }

  /// The outcome below which the direction's own law has at most the given mass.
  double lowest(double mass) {
    return -z * GaussianTail.beyond(mass);
  }

  /// The outcome above which the direction's own law has at most the given mass.
  double highest(double mass) {
    double reach = z * GaussianTail.beyond(mass);
    return direction == Direction.REMOVE ? 1 + reach : reach;
  }
}
