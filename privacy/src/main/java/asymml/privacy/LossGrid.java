package asymml.privacy;

/// The privacy loss of one step on the lattice of multiples of h: a discrete pair of laws that
/// dominates the true one, so that what is composed of it bounds what is composed of the truth.
///
/// ## Discretisation
/// Each outcome's loss lies in a bucket `[a, b]`, `b = a + h`. Rounding it up to b would dominate,
/// but would cost about h/2 in every step: half a million h over a million steps. Instead the
/// bucket's mass is split over its two ends such that its mass under both laws of the pair is
/// kept, p under the outcomes' own law and r under the other: with `p_a + p_b = p` and
/// `p_a e^-a + p_b e^-b = r`,
///
///     p_b = (p - r e^a) / (1 - e^-h).
///
/// This dominates: within a bucket, the curve of delta over `e^epsilon` becomes the chord of a convex
/// function (Doroshenko, Ghazi, Kamath, Kumar and Manurangsi, "Connect the dots: tighter discrete
/// approximations of privacy loss distributions", PoPETs 2022, arXiv 2207.04380). The loss's mean grows by at most
/// h^2/8 per step, and h is chosen so small that the sum does not matter ([LossComposer]).
///
/// ## Roundings, all upwards
/// - `p - r e^a` cancels to a share h of p; what the subtraction may have lost is added to it, so
///   mass moves from a to b.
/// - Losses below the lowest lattice point move up to it.
/// - The mass of outcomes beyond the highest counts as an infinite loss.
///
/// `r e^a` is computed as one number, since `e^a` may overflow where r underflows.
final class LossGrid {
  private final double step;
  private final long lowest;
  private final double[] mass;
  private final double[] logMass;
  private final double infinite;

  private LossGrid(double step, long lowest, double[] mass, double infinite) {
    this.step = step;
    this.lowest = lowest;
    this.mass = mass;
    this.logMass = new double[mass.length];
    this.infinite = infinite;
    for (int i = 0; i < mass.length; i++) {
      logMass[i] = Math.log(mass[i]);
    }
  }

  /// Discretises a step.
  ///
  /// @param loss the step
  /// @param step h
  /// @param tail what may count as an infinite loss, above 0 and below 1/2
  /// @throws ArithmeticException if the losses need more lattice points than fit an array
  static LossGrid of(StepLoss loss, double step, double tail) {
    boolean removing = loss.direction() == StepLoss.Direction.REMOVE;
    long from = (long) Math.floor(loss.logRatio(loss.lowest(tail)) / step);
    long to = (long) Math.ceil(loss.logRatio(loss.highest(tail)) / step);
    int buckets = Math.toIntExact(Math.max(1, to - from));
    double[] mass = new double[buckets + 1];
    var low = OutcomeEdge.of(loss, loss.outcome(from * step));
    double before = low.ownMassBelow();
    for (int i = 0; i < buckets; i++) {
      var high = OutcomeEdge.of(loss, loss.outcome((from + i + 1) * step));
      long ratio = removing ? from + i : -(from + i + 1);
      double own = low.ownMass(high);
      double larger = Math.min(own, low.excess(high, ratio * step) / -Math.expm1(-step));
      // Losses run with the outcomes when removing and against them when adding.
      int smallerEnd = removing ? i : buckets - i - 1;
      mass[smallerEnd] += own - larger;
      mass[smallerEnd + 1] += larger;
      low = high;
    }
    double after = low.ownMassAbove();
    mass[0] += removing ? before : after;
    return new LossGrid(step, removing ? from : -(from + buckets), mass, removing ? after : before);
  }

  /// The distance h of two lattice points.
  double step() {
    return step;
  }

  /// The lattice index of the first entry: its loss is `lowest * step`.
  long lowest() {
    return lowest;
  }

  /// The mass of infinite loss.
  double infinite() {
    return infinite;
  }

  /// The mass at each lattice point under the outcomes' own law.
  ///
  /// @return a new array
  double[] masses() {
    return mass.clone();
  }

  /// The number of lattice points.
  int size() {
    return mass.length;
  }

  /// The logarithm of the moment generating function of the finite losses.
  ///
  /// @param tilt t, of either sign
  /// @return `ln E[e^(t L); L finite]`
  double logMoment(double tilt) {
    double[] exponents = new double[mass.length];
    return logMoment(tilt, exponents);
  }

  /// The finite losses' law, tilted: `m_k e^(t l_k - K)`.
  ///
  /// @param tilt t
  /// @return a new array; it sums to 1
  double[] tilted(double tilt) {
    double[] exponents = new double[mass.length];
    double logMoment = logMoment(tilt, exponents);
    for (int i = 0; i < exponents.length; i++) {
      exponents[i] = Math.exp(exponents[i] - logMoment);
    }
    return exponents;
  }

  private double logMoment(double tilt, double[] exponents) {
    double largest = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < mass.length; i++) {
      exponents[i] = logMass[i] + tilt * step * (lowest + i);
      largest = Math.max(largest, exponents[i]);
    }
    double sum = 0;
    for (double exponent : exponents) {
      double term = exponent - largest;
      // Below this a term is lost against the largest anyway; exp is what costs.
      sum += term < -60 ? 0 : Math.exp(term);
    }
    return largest + Math.log(sum);
  }
}
