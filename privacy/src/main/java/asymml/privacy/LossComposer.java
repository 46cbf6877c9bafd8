package asymml.privacy;

import java.util.Map;
import java.util.function.DoubleUnaryOperator;
import java.util.function.ToDoubleFunction;

/// Composes the losses of many steps in one direction: aims the window and refines the lattice
/// until the answer no longer moves. [PldAccountant] explains why each choice is safe; none of them
/// can make a bound wrong, only loose.
final class LossComposer {
  /// The share of delta that truncation may book, once for the steps and once for the window.
  private static final double TRUNCATED_SHARE = 1e-6;

  /// No tail mass is sought below this: doubles end at 1e-308.
  private static final double SMALLEST_TAIL = 1e-300;

  /// The lattice starts with this many points over the widest step and is halved from there.
  private static final double COARSEST_POINTS = 512;

  /// Beyond so many steps no lattice has a window, and there is no use in looking for one.
  private static final double MOST_STEPS = 0x1p40;

  /// Nearer to 1 than this a delta is taken for it: what arithmetic adds to all masses together
  /// would not fit between. Epsilon at a smaller delta is a bound.
  private static final double LARGEST_DELTA = 1 - 0x1p-20;

  /// Aiming ends after so many rounds.
  private static final int MOST_ROUNDS = 64;

  /// Aiming stops when it moves the answer by less than this share.
  private static final double AIMED = 1e-2;

  /// Halving stops when it moves epsilon by less than this share; the effect of the lattice is
  /// quadratic, so about a third of the last move remains.
  private static final double EPSILON_CONVERGED = 1e-4;

  /// The same for delta, which moves more: its logarithm falls as epsilon grows.
  private static final double DELTA_CONVERGED = 1e-3;

  /// Grids up to this size are searched for the best tilt; finer ones inherit it.
  private static final int LARGEST_SEARCHED = 1 << 13;

  /// Finer grids than this are not worth their time (0.1 microseconds a point).
  private static final int LARGEST_GRID = 1 << 19;

  private final Map<SampledGaussian, Long> parts;
  private final StepLoss.Direction direction;
  private final double steps;

  private long transformedPoints;

  LossComposer(Map<SampledGaussian, Long> parts, StepLoss.Direction direction) {
    this.parts = parts;
    this.direction = direction;
    this.steps = parts.values().stream().mapToDouble(Long::doubleValue).sum();
    if (steps > MOST_STEPS) {
      throw tooManySteps();
    }
  }

  private static ArithmeticException tooManySteps() {
    return new ArithmeticException(
        "too many steps for a privacy loss distribution: use RDP beyond " + (1L << 30));
  }

  /// The smallest epsilon that is shown at a delta.
  ///
  /// @param asked delta, above 0 and below 1
  double epsilon(double asked) {
    if (steps == 1) {
      return SingleStep.epsilon(onlyStep(), asked);
    }
    double delta = Math.min(asked, LARGEST_DELTA);
    LossGrids grids = coarsest(delta);
    return refined(
        grids,
        delta,
        markov(grids, delta),
        EPSILON_CONVERGED,
        epsilon -> epsilon,
        loss -> loss.epsilon(delta));
  }

  /// Markov's bound on epsilon: the losses above it, those that are infinite included, have at most
  /// the mass delta.
  private static double markov(LossGrids grids, double delta) {
    double left = delta - grids.infinite();
    if (!(left > 0)) {
      throw new ArithmeticException("the privacy loss distribution did not converge");
    }
    double logMass = Math.log(left);
    return Math.max(0, grids.safeReach(grids.tiltForMass(logMass), logMass));
  }

  /// The smallest delta that is shown at an epsilon.
  ///
  /// @param epsilon at least 0
  double delta(double epsilon) {
    if (steps == 1) {
      return SingleStep.delta(onlyStep(), epsilon);
    }
    // How much truncation is harmless depends on delta, which is what is sought: from a guess down.
    double guess = 1e-10;
    while (true) {
      double delta =
          refined(
              coarsest(guess),
              guess,
              1,
              DELTA_CONVERGED,
              _ -> epsilon,
              loss -> loss.delta(epsilon));
      if (delta >= guess / 10 || guess < SMALLEST_TAIL) {
        return delta;
      }
      guess *= 1e-30;
    }
  }

  private StepLoss onlyStep() {
    return LossGrids.stepLoss(parts.keySet().iterator().next(), direction);
  }

  /// Refines an answer from a coarse lattice on. Every intermediate answer is a bound; the smallest
  /// counts.
  ///
  /// @param coarsest where to start
  /// @param delta what truncation must be small against
  /// @param start a first bound
  /// @param converged the share of the answer that a halving must move to go on
  /// @param aim where the window's centre belongs, given the best answer so far
  /// @param read takes the answer from a law
  private double refined(
      LossGrids coarsest,
      double delta,
      double start,
      double converged,
      DoubleUnaryOperator aim,
      ToDoubleFunction<ComposedLoss> read) {
    double truncated = Math.max(SMALLEST_TAIL, TRUNCATED_SHARE * delta);
    LossGrids searched = coarsest;
    LossGrids grids = coarsest;
    double best = start;
    double before;
    Window window;
    int rounds = 0;
    do {
      rounds++;
      before = best;
      window = Window.around(searched, searched.tiltForPoint(aim.applyAsDouble(best)), truncated);
      while (!window.fits(searched.step())) {
        searched = coarser(searched, delta);
        window = Window.around(searched, searched.tiltForPoint(aim.applyAsDouble(best)), truncated);
      }
      grids = searched;
      best = Math.min(best, read.applyAsDouble(composed(window, grids)));
    } while (best < before * (1 - AIMED) && rounds < MOST_ROUNDS);
    while (grids.largestSize() <= LARGEST_GRID / 2 && window.fitsEasily(grids.step() / 2)) {
      grids = onLattice(grids.step() / 2, delta);
      boolean searchable = grids.largestSize() <= LARGEST_SEARCHED;
      if (searchable) {
        searched = grids;
      }
      if (searchable || best < before * (1 - AIMED)) {
        window = Window.around(searched, searched.tiltForPoint(aim.applyAsDouble(best)), truncated);
      }
      before = best;
      best = Math.min(best, read.applyAsDouble(composed(window, grids)));
      if (before - best <= converged * best) {
        break;
      }
    }
    return best;
  }

  private ComposedLoss composed(Window window, LossGrids grids) {
    ComposedLoss loss = window.compose(grids);
    // One transform for each kind of step and one back.
    transformedPoints += (parts.size() + 1L) * loss.size();
    return loss;
  }

  /// The lengths of all Fourier transforms so far, summed: what an answer costs.
  long transformedPoints() {
    return transformedPoints;
  }

  private LossGrids coarsest(double delta) {
    double range = LossGrids.range(parts, direction, tail(delta));
    if (!(range > 0) || !Double.isFinite(range)) {
      throw new ArithmeticException("the losses of a step have no usable range: " + range);
    }
    // A power of two: neighbouring queries share a lattice, and their answers move smoothly.
    return onLattice(Math.scalb(1.0, Math.getExponent(range / COARSEST_POINTS) + 1), delta);
  }

  /// The width of a sum's law grows with the square root of the steps, and a lattice cannot be
  /// coarser than a step's own range: somewhat above 1e9 steps there is no window left.
  private LossGrids coarser(LossGrids grids, double delta) {
    if (grids.largestSize() <= 3) {
      throw tooManySteps();
    }
    return onLattice(2 * grids.step(), delta);
  }

  private LossGrids onLattice(double step, double delta) {
    return LossGrids.of(parts, direction, step, tail(delta));
  }

  private double tail(double delta) {
    return Math.max(SMALLEST_TAIL, TRUNCATED_SHARE * delta / steps);
  }
}
