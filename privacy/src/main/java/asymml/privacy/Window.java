package asymml.privacy;

/// Where on the lattice the law of a sum is kept, and under which tilt.
///
/// @param tilt t, positive: the law's weight lies around the epsilon that is sought
/// @param topTilt the tilt of the Markov bound that sets the window's top
/// @param bottom the loss below which the tilted law has next to no mass
/// @param top the loss above which it has next to none, and the law itself what is booked
/// @param truncated the mass above the top, added to delta
record Window(double tilt, double topTilt, double bottom, double top, double truncated) {
  /// The largest window: 32 MB of complex numbers, 0.1 s a transform.
  private static final int LARGEST = 1 << 21;

  private static final int SMALLEST = 1 << 10;

  /// Tilted mass below and above the window. It wraps to the other end: that only ever adds to what
  /// is there, but from above it lands where scaling back makes it large.
  private static final double LOG_WRAPPED = Math.log(1e-14);

  /// Places a window.
  ///
  /// @param grids the steps, on a lattice that is coarse enough to be searched quickly
  /// @param tilt t
  /// @param truncated the mass above the top that may be added to delta
  static Window around(LossGrids grids, double tilt, double truncated) {
    double topTilt = grids.tiltForMass(Math.log(truncated));
    double bottom = grids.reachBelow(tilt, LOG_WRAPPED);
    double top =
        Math.max(grids.reach(topTilt, Math.log(truncated)), grids.reachAbove(tilt, LOG_WRAPPED));
    return new Window(tilt, topTilt, bottom, top, truncated);
  }

  /// Whether the window fits at all on a lattice. The bound that sets the top may move by a little
  /// from one lattice to the next.
  boolean fits(double step) {
    return (top - bottom) / step <= 0.9 * LARGEST;
  }

  /// Whether it fits into half of the largest window: more is not worth its time for a digit.
  boolean fitsEasily(double step) {
    return (top - bottom) / step <= LARGEST / 2;
  }

  /// The law of the sum.
  ///
  /// @param grids the steps, on any lattice on which the window fits
  /// @throws ArithmeticException if the window does not fit
  ComposedLoss compose(LossGrids grids) {
    double step = grids.step();
    // The tilt was sought on coarser grids; the bound itself is taken on those that are used.
    double highest = Math.max(top, grids.reach(topTilt, Math.log(truncated)));
    long lowest = (long) Math.floor(bottom / step);
    double wanted = Math.max(SMALLEST, Math.ceil(highest / step) - lowest + 2);
    if (!(wanted <= LARGEST)) {
      throw new ArithmeticException("the privacy loss distribution did not fit its window");
    }
    int size = Integer.highestOneBit((int) wanted - 1) << 1;
    var product = new CharacteristicProduct(size);
    for (int i = 0; i < grids.grids().size(); i++) {
      product.multiply(grids.grids().get(i), tilt, grids.counts().get(i));
    }
    double logMoment = grids.logMoment(tilt);
    // K is a sum of so many logarithms, each good to a few units in the last place, and scaling
    // back
    // takes a product t l from it: what all of that may be off by is added.
    double sizes = Math.abs(logMoment) + tilt * Math.max(Math.abs(bottom), Math.abs(highest));
    double rounding = 16 * Math.ulp(1.0) * (grids.steps() + sizes);
    return new ComposedLoss(
        step,
        lowest,
        product.window(lowest),
        tilt,
        logMoment + rounding,
        grids.infinite() + truncated,
        product.error());
  }
}
