package asymml.privacy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;

/// The steps of a composition on one lattice, in one direction, and the Chernoff bounds that they
/// give: they choose the tilt, the lattice and the window of [ComposedLoss].
///
/// @param step h of all grids
/// @param grids one per distinct step
/// @param counts how often each step happened
record LossGrids(double step, List<LossGrid> grids, List<Long> counts) {
  /// The range of `ln(t h)` that is searched: from tilts that no sum of steps would notice to tilts
  /// that leave only the largest loss.
  private static final double LOG_TILT_LOW = -40;

  private static final double LOG_TILT_HIGH = 4;

  /// Golden-section rounds: the range shrinks to 44 * 0.618^28 = 6e-5.
  private static final int SEARCH_ROUNDS = 28;

  private static final double GOLDEN = (Math.sqrt(5) - 1) / 2;

  static LossGrids of(
      Map<SampledGaussian, Long> parts, StepLoss.Direction direction, double step, double tail) {
    var grids = new ArrayList<LossGrid>(parts.size());
    parts.keySet().forEach(part -> grids.add(LossGrid.of(stepLoss(part, direction), step, tail)));
    return new LossGrids(step, grids, List.copyOf(parts.values()));
  }

  static StepLoss stepLoss(SampledGaussian part, StepLoss.Direction direction) {
    return new StepLoss(part.rate().value(), part.noise().value(), direction);
  }

  /// The widest range of one step's losses.
  static double range(Map<SampledGaussian, Long> parts, StepLoss.Direction direction, double tail) {
    double widest = 0;
    for (SampledGaussian part : parts.keySet()) {
      StepLoss loss = stepLoss(part, direction);
      double lowest = loss.logRatio(loss.lowest(tail));
      double highest = loss.logRatio(loss.highest(tail));
      // With little noise, all losses of an added example are ln(1 - q) to the last digit.
      double digits = 1e-6 * Math.max(Math.abs(lowest), Math.abs(highest));
      widest = Math.max(widest, Math.max(highest - lowest, digits));
    }
    return widest;
  }

  /// The number of steps.
  double steps() {
    return counts.stream().mapToDouble(Long::doubleValue).sum();
  }

  int largestSize() {
    return grids.stream().mapToInt(LossGrid::size).max().orElseThrow();
  }

  /// A bound on the probability that any loss is infinite.
  double infinite() {
    double sum = 0;
    for (int i = 0; i < grids.size(); i++) {
      sum += counts.get(i) * grids.get(i).infinite();
    }
    return sum;
  }

  /// `K(t)`, the logarithm of the moment generating function of the summed finite losses.
  double logMoment(double tilt) {
    double sum = 0;
    for (int i = 0; i < grids.size(); i++) {
      sum += counts.get(i) * grids.get(i).logMoment(tilt);
    }
    return sum;
  }

  /// Markov's bound on the point beyond which the summed loss has at most a given mass.
  ///
  /// @param tilt t, positive
  /// @param logMass its logarithm
  double reach(double tilt, double logMass) {
    return (logMoment(tilt) - logMass) / tilt;
  }

  /// [#reach], with all that its arithmetic may be off by added.
  ///
  /// @param tilt t, positive
  /// @param logMass its logarithm
  double safeReach(double tilt, double logMass) {
    double logMoment = logMoment(tilt);
    double rounding = 16 * Math.ulp(1.0) * (steps() + Math.abs(logMoment) + Math.abs(logMass));
    double reach = (logMoment + rounding - logMass) / tilt;
    return reach + 1e-9 * Math.abs(reach);
  }

  /// The tilt that makes [#reach] smallest: the saddle point of the tail of that mass.
  double tiltForMass(double logMass) {
    return Math.exp(minimiser(logTilt -> reach(Math.exp(logTilt), logMass)));
  }

  /// The tilt that makes Markov's bound on the mass beyond a point smallest.
  double tiltForPoint(double point) {
    return Math.exp(
        minimiser(logTilt -> {
          double tilt = Math.exp(logTilt);
          return logMoment(tilt) - tilt * point;
        }));
  }

  /// A point above which the tilted law of the sum has at most a given mass.
  double reachAbove(double tilt, double logMass) {
    double logMoment = logMoment(tilt);
    return minimum(logOn -> {
      double on = Math.exp(logOn);
      return (logMoment(tilt + on) - logMoment - logMass) / on;
    });
  }

  /// A point below which the tilted law of the sum has at most a given mass.
  double reachBelow(double tilt, double logMass) {
    double logMoment = logMoment(tilt);
    return -minimum(logBack -> {
      double back = Math.exp(logBack);
      return (logMoment(tilt - back) - logMoment - logMass) / back;
    });
  }

  private double minimum(DoubleUnaryOperator function) {
    return function.applyAsDouble(minimiser(function));
  }

  /// Golden-section search of a function of ln t that falls and then rises. Any point is valid for
  /// the callers; a good one is tight.
  private double minimiser(DoubleUnaryOperator function) {
    double low = LOG_TILT_LOW - Math.log(step);
    double high = LOG_TILT_HIGH - Math.log(step);
    double left = high - GOLDEN * (high - low);
    double right = low + GOLDEN * (high - low);
    double atLeft = function.applyAsDouble(left);
    double atRight = function.applyAsDouble(right);
    for (int i = 0; i < SEARCH_ROUNDS; i++) {
      if (atLeft <= atRight) {
        high = right;
        right = left;
        atRight = atLeft;
        left = high - GOLDEN * (high - low);
        atLeft = function.applyAsDouble(left);
      } else {
        low = left;
        left = right;
        atLeft = atRight;
        right = low + GOLDEN * (high - low);
        atRight = function.applyAsDouble(right);
      }
    }
    return atLeft <= atRight ? left : right;
  }
}
