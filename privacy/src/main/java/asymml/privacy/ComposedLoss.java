package asymml.privacy;

/// The law of the summed privacy loss of a whole composition, in one direction, on a window of the
/// lattice and tilted: entry i holds `w_i = p_i e^(t l_i - K)`, the mass at `l_i` times a factor
/// that makes the masses near the sought epsilon the largest, so that an error of `1e-16` in w is a
/// small error of delta even where delta is `1e-15`.
///
/// `delta(epsilon) = B + sum over l_i > epsilon of e^(K - t l_i) (w_i + E) (1 - e^(epsilon - l_i))`
///
/// with B the mass added to delta (infinite losses, and finite ones above the window) and E a bound
/// on the arithmetic error of an entry.
final class ComposedLoss {
  private final double step;
  private final long lowest;
  private final double[] weights;
  private final double tilt;
  private final double logScale;
  private final double booked;
  private final double error;

  /// Takes a law as [LossComposer] has made it.
  ///
  /// @param step h
  /// @param lowest the lattice index of the first entry
  /// @param weights w, kept and not copied
  /// @param tilt t, at least 0
  /// @param logScale K
  /// @param booked B
  /// @param error E
  ComposedLoss(
      double step,
      long lowest,
      double[] weights,
      double tilt,
      double logScale,
      double booked,
      double error) {
    this.step = step;
    this.lowest = lowest;
    this.weights = weights;
    this.tilt = tilt;
    this.logScale = logScale;
    this.booked = booked;
    this.error = error;
  }

  /// The number of lattice points of the window.
  int size() {
    return weights.length;
  }

  /// The smallest epsilon, at least 0, with `delta(epsilon) <= delta`, rounded up.
  ///
  /// @throws ArithmeticException if what is booked exceeds delta
  double epsilon(double delta) {
    double left = delta - booked;
    if (!(left > 0)) {
      throw new ArithmeticException("the privacy loss distribution did not converge");
    }
    double logLeft = Math.log(left);
    var tail = new Tail();
    for (int i = weights.length - 1; i >= 0; i--) {
      double loss = (lowest + i) * step;
      if (loss <= 0) {
        return 0;
      }
      tail.prepend(weight(i));
      double limit = Math.exp(logLeft - logScale + tilt * loss);
      if (tail.above - tail.discounted * Math.exp(-step) > limit) {
        // Within the bucket below this loss the curve is a chord in e^epsilon.
        double within = Math.log((tail.above - limit) / tail.discounted);
        return Math.max(0, roundedUp(loss + Math.clamp(within, -step, 0)));
      }
    }
    // The whole window lies below delta; what lies under it cannot be told apart.
    return Math.max(0, roundedUp(lowest * step));
  }

  /// A bound on delta at an epsilon, rounded up; not above 1.
  double delta(double epsilon) {
    var tail = new Tail();
    double delta = booked;
    if (epsilon < (lowest - 1) * step) {
      return 1;
    }
    for (int i = weights.length - 1; i >= 0; i--) {
      double loss = (lowest + i) * step;
      if (loss <= epsilon) {
        break;
      }
      tail.prepend(weight(i));
      delta =
          booked
              + Math.exp(logScale - tilt * loss)
                  * (tail.above - tail.discounted * Math.exp(epsilon - loss));
    }
    return Math.min(1, roundedUp(delta));
  }

  private double weight(int i) {
    return Math.max(0, weights[i]) + error;
  }

  private static double roundedUp(double value) {
    return value + 1e-9 * Math.abs(value);
  }

  /// The sums over all entries from the current one up, relative to the current one's loss l:
  /// `above` of `w_i e^(-t (l_i - l))`, `discounted` of `w_i e^(-(t + 1) (l_i - l))`.
  private final class Tail {
    private final double shrink = Math.exp(-tilt * step);
    private final double discount = Math.exp(-(tilt + 1) * step);
    private double above;
    private double discounted;

    void prepend(double weight) {
      above = weight + above * shrink;
      discounted = weight + discounted * discount;
    }
  }
}
