package asymml.privacy;

import java.util.Map;
import java.util.function.ToDoubleFunction;

/// Composes the losses of many steps in one direction: picks tilt, lattice and window, and leaves
/// the multiplication to [CharacteristicProduct]. [PldAccountant] explains why each choice is safe;
/// none of them can make a bound wrong, only loose.
final class LossComposer {
  /// The share of delta that truncation may book, once for the steps and once for the window.
  private static final double TRUNCATED_SHARE = 1e-6;

  /// No tail mass is sought below this: doubles end at 1e-308.
  private static final double SMALLEST_TAIL = 1e-300;

  /// The lattice starts with this many points over the widest step and is halved from there.
  private static final double COARSEST_POINTS = 2048;

  /// Halving stops when it moves Markov's bound on epsilon by less than this share.
  private static final double CONVERGED = 2e-5;

  /// Grids up to this size are searched for the best tilt; finer ones inherit it.
  private static final int LARGEST_SEARCHED = 1 << 13;

  /// Finer grids than this are not worth their time (0.1 microseconds a point).
  private static final int LARGEST_GRID = 1 << 18;

  /// The largest window: 32 MB of complex numbers, 0.1 s a transform.
  private static final int LARGEST_WINDOW = 1 << 21;

  private static final int SMALLEST_WINDOW = 1 << 10;

  /// Tilted mass below the window; it wraps to the window's top, where it counts too much.
  private static final double LOG_WRAPPED = Math.log(1e-10);

  private final Map<SampledGaussian, Long> parts;
  private final StepLoss.Direction direction;
  private final double steps;

  LossComposer(Map<SampledGaussian, Long> parts, StepLoss.Direction direction) {
    this.parts = parts;
    this.direction = direction;
    this.steps = parts.values().stream().mapToDouble(Long::doubleValue).sum();
  }

  /// The composed loss, sharpest where its tail has the mass delta.
  ///
  /// @param delta above 0 and below 1
  ComposedLoss aroundMass(double delta) {
    double logDelta = Math.log(delta);
    return compose(delta, grids -> grids.tiltForMass(logDelta));
  }

  /// The composed loss, sharpest around an epsilon.
  ///
  /// @param epsilon at least 0
  ComposedLoss aroundPoint(double epsilon) {
    // How much truncation is harmless depends on delta, which is what is sought: from a guess down.
    double delta = 1e-12;
    while (true) {
      LossGrids grids = coarsest(tail(delta));
      double tilt = grids.tiltForPoint(epsilon);
      double bound = Math.exp(Math.min(0, grids.logMoment(tilt) - tilt * epsilon));
      // Markov's bound is seldom more than a factor 100 above the mass itself.
      double wanted = Math.max(bound / 100, SMALLEST_TAIL);
      if (delta <= wanted) {
        return compose(delta, finer -> finer.tiltForPoint(epsilon));
      }
      delta = Math.min(wanted, delta / 10);
    }
  }

  private double tail(double delta) {
    return Math.max(SMALLEST_TAIL, TRUNCATED_SHARE * delta / steps);
  }

  private LossGrids coarsest(double tail) {
    double step = powerOfTwo(LossGrids.range(parts, direction, tail) / COARSEST_POINTS);
    return LossGrids.of(parts, direction, step, tail);
  }

  /// Rounded up to a power of two: neighbouring queries share a lattice, and bounds move smoothly.
  private static double powerOfTwo(double step) {
    if (!(step > 0) || !Double.isFinite(step)) {
      throw new ArithmeticException("the losses of a step have no usable range: " + step);
    }
    return Math.scalb(1.0, Math.getExponent(step) + 1);
  }

  private ComposedLoss compose(double delta, ToDoubleFunction<LossGrids> tiltFor) {
    double tail = tail(delta);
    LossGrids searched = coarsest(tail);
    double tilt = tiltFor.applyAsDouble(searched);
    double width = width(searched, tilt, delta);
    while (width / searched.step() > LARGEST_WINDOW / 2) {
      searched = LossGrids.of(parts, direction, 2 * searched.step(), tail);
      tilt = tiltFor.applyAsDouble(searched);
    }
    LossGrids grids = searched;
    double change = Double.POSITIVE_INFINITY;
    while (change > CONVERGED
        && grids.largestSize() <= LARGEST_GRID / 2
        && 2 * width / grids.step() <= LARGEST_WINDOW / 2) {
      LossGrids finer = LossGrids.of(parts, direction, grids.step() / 2, tail);
      if (finer.largestSize() <= LARGEST_SEARCHED) {
        searched = finer;
        tilt = tiltFor.applyAsDouble(searched);
      }
      double fine = finer.reach(tilt, Math.log(delta));
      change = (grids.reach(tilt, Math.log(delta)) - fine) / fine;
      grids = finer;
    }
    if (steps == 1) {
      return single(grids);
    }
    return windowed(grids, searched, tilt, delta);
  }

  private double width(LossGrids grids, double tilt, double delta) {
    double logTruncated = Math.log(TRUNCATED_SHARE * delta);
    return grids.reach(grids.tiltForMass(logTruncated), logTruncated)
        - grids.reachBelow(tilt, LOG_WRAPPED);
  }

  /// One step alone: its grid is the law, with nothing to multiply and no error.
  private static ComposedLoss single(LossGrids grids) {
    LossGrid grid = grids.grids().getFirst();
    return new ComposedLoss(grid.step(), grid.lowest(), grid.masses(), 0, 0, grid.infinite(), 0);
  }

  private static ComposedLoss windowed(
      LossGrids grids, LossGrids searched, double tilt, double delta) {
    double truncated = TRUNCATED_SHARE * delta;
    double logTruncated = Math.log(truncated);
    // The tilt is sought on the coarse grids; the bound itself is taken on those that are used.
    double top = grids.reach(searched.tiltForMass(logTruncated), logTruncated);
    double bottom = searched.reachBelow(tilt, LOG_WRAPPED);
    double step = grids.step();
    long lowest = (long) Math.floor(bottom / step);
    double wanted = Math.max(SMALLEST_WINDOW, Math.ceil(top / step) - lowest + 2);
    if (!(wanted <= LARGEST_WINDOW)) {
      throw new ArithmeticException("the privacy loss distribution did not fit its window");
    }
    int size = Integer.highestOneBit((int) wanted - 1) << 1;
    var product = new CharacteristicProduct(size);
    for (int i = 0; i < grids.grids().size(); i++) {
      product.multiply(grids.grids().get(i), tilt, grids.counts().get(i));
    }
    return new ComposedLoss(
        step,
        lowest,
        product.window(lowest),
        tilt,
        grids.logMoment(tilt),
        grids.infinite() + truncated,
        product.error());
  }
}
