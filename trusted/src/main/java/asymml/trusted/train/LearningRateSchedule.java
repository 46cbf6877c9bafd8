package asymml.trusted.train;

import java.util.List;

/// The learning rate of every step of a run, a pure function of the step so that a resumed run
/// continues as if it had not stopped.
///
/// All schedules warm up linearly: step s of W warm-up steps, counted from 0, has the rate `base (s
/// +
/// 1) / W`, so the first step already moves and step W - 1 has the full base. W = 0 means none.
///    What follows the warm-up is each schedule's own.
public sealed interface LearningRateSchedule {
  /// The learning rate of one step.
  ///
  /// @param step the step from 0, counted over the whole run
  /// @return the rate, finite and at least 0
  /// @throws IllegalArgumentException if the step is negative
  float at(long step);

  /// The same rate at every step after the warm-up.
  ///
  /// @param base the rate, positive and finite
  /// @param warmUpSteps W, at least 0
  record Constant(float base, long warmUpSteps) implements LearningRateSchedule {
    /// Checks the ranges above.
    public Constant {
      checkBase(base);
      checkWarmUp(warmUpSteps);
    }

    @Override
    public float at(long step) {
      checkStep(step);
      return step < warmUpSteps ? warmUp(base, step, warmUpSteps) : base;
    }
  }

  /// Half a cosine from the base to the minimum (Loshchilov and Hutter, "SGDR", ICLR 2017, arXiv
  /// 1608.03983, equation 5, without restarts): `minimum + (base - minimum) (1 + cos(pi t)) / 2`
  /// with `t = (s - W) / (T
  /// - W)`, and the minimum from step T on.
  ///
  /// @param base the highest rate, positive and finite
  /// @param warmUpSteps W, at least 0 and below T
  /// @param totalSteps T, the steps of the whole run with the warm-up
  /// @param minimum the rate at the end, from 0 to the base
  record Cosine(float base, long warmUpSteps, long totalSteps, float minimum)
      implements LearningRateSchedule {
    /// Checks the ranges above.
    public Cosine {
      checkBase(base);
      checkWarmUp(warmUpSteps);
      if (totalSteps <= warmUpSteps) {
        throw new IllegalArgumentException(
            "a cosine schedule needs more steps than its warm-up of "
                + warmUpSteps
                + ", got "
                + totalSteps);
      }
      if (!(minimum >= 0 && minimum <= base)) {
        throw new IllegalArgumentException(
            "the minimum learning rate must be from 0 to the base of " + base + ", got " + minimum);
      }
    }

    @Override
    public float at(long step) {
      checkStep(step);
      if (step < warmUpSteps) {
        return warmUp(base, step, warmUpSteps);
      }
      if (step >= totalSteps) {
        return minimum;
      }
      double t = (double) (step - warmUpSteps) / (totalSteps - warmUpSteps);
      // StrictMath gives the same bits on every machine, which a resumed run relies on.
      double share = (1 + StrictMath.cos(Math.PI * t)) / 2;
      return (float) (minimum + ((double) base - minimum) * share);
    }
  }

  /// The base, multiplied by a factor at the start of each milestone epoch: `base
  /// factor^(milestones at or before floor(s / stepsPerEpoch))`. Epochs count from 0 and include
  /// the warm-up; a milestone inside the warm-up takes effect at its end.
  ///
  /// @param base the first rate, positive and finite
  /// @param warmUpSteps W, at least 0
  /// @param milestoneEpochs epochs at whose start the rate drops, at least 1, strictly increasing
  /// @param factor what each milestone multiplies the rate with, above 0 and at most 1
  /// @param stepsPerEpoch at least 1
  record Step(
      float base, long warmUpSteps, List<Integer> milestoneEpochs, float factor, long stepsPerEpoch)
      implements LearningRateSchedule {
    /// Checks the ranges above and copies the milestones.
    public Step {
      checkBase(base);
      checkWarmUp(warmUpSteps);
      milestoneEpochs = List.copyOf(milestoneEpochs);
      requireMilestones(milestoneEpochs, factor);
      if (stepsPerEpoch < 1) {
        throw new IllegalArgumentException(
            "an epoch needs at least one step, got " + stepsPerEpoch);
      }
    }

    @Override
    public float at(long step) {
      checkStep(step);
      if (step < warmUpSteps) {
        return warmUp(base, step, warmUpSteps);
      }
      long epoch = step / stepsPerEpoch;
      double rate = base;
      for (int milestone : milestoneEpochs) {
        if (milestone <= epoch) {
          rate *= factor;
        }
      }
      return (float) rate;
    }
  }

  /// Refuses milestones and a factor that are none of a step schedule.
  ///
  /// @param milestoneEpochs at least 1, strictly increasing
  /// @param factor above 0 and at most 1
  /// @throws IllegalArgumentException naming the rule that is broken
  static void requireMilestones(List<Integer> milestoneEpochs, float factor) {
    int previous = 0;
    for (int milestone : milestoneEpochs) {
      if (milestone <= previous) {
        throw new IllegalArgumentException(
            "milestones must be epochs from 1 on in increasing order, got " + milestoneEpochs);
      }
      previous = milestone;
    }
    if (!(factor > 0 && factor <= 1)) {
      throw new IllegalArgumentException(
          "the factor of a step schedule must be above 0 and at most 1, got " + factor);
    }
  }

  private static float warmUp(float base, long step, long warmUpSteps) {
    return (float) (base * (double) (step + 1) / warmUpSteps);
  }

  private static void checkStep(long step) {
    if (step < 0) {
      throw new IllegalArgumentException("steps count from 0, got " + step);
    }
  }

  private static void checkBase(float base) {
    if (!(base > 0 && base < Float.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "the learning rate must be positive and finite, got " + base);
    }
  }

  private static void checkWarmUp(long warmUpSteps) {
    if (warmUpSteps < 0) {
      throw new IllegalArgumentException(
          "the warm-up must be at least 0 steps, got " + warmUpSteps);
    }
  }
}
