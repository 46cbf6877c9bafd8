package asymml.study.audit;

import java.util.SplittableRandom;

/// How well the observer of single steps tells which canaries were there, and what follows for mu.
///
/// @param canaries how many coins were guessed
/// @param falsePositives canaries that were not there and were guessed to be
/// @param falseNegatives canaries that were there and were guessed not to be
/// @param lower the least mu that this proves
/// @param confidence with which it does
public record MuEstimate(
    long canaries, long falsePositives, long falseNegatives, double lower, double confidence) {
  /// Between the scores of a canary that is there and of one that is not. Fixed beforehand: a
  /// threshold chosen by the scores would make the bound too large.
  private static final double THRESHOLD = 0.5;

  /// Which canaries are there, by a coin each.
  static boolean[][] coins(int steps, SplittableRandom random) {
    boolean[][] there = new boolean[steps][Canaries.COUNT];
    for (boolean[] step : there) {
      for (int i = 0; i < step.length; i++) {
        step[i] = random.nextBoolean();
      }
    }
    return there;
  }

  /// Compares guesses with the truth.
  static MuEstimate of(boolean[][] there, double[][] scores, double confidence) {
    long in = 0;
    long falsePositives = 0;
    long falseNegatives = 0;
    long all = 0;
    for (int step = 0; step < there.length; step++) {
      for (int i = 0; i < there[step].length; i++) {
        boolean guess = scores[step][i] > THRESHOLD;
        all++;
        in += there[step][i] ? 1 : 0;
        falsePositives += guess && !there[step][i] ? 1 : 0;
        falseNegatives += there[step][i] && !guess ? 1 : 0;
      }
    }
    return new MuEstimate(
        all,
        falsePositives,
        falseNegatives,
        LowerBounds.mu(
            new LowerBounds.Errors(all - in, falsePositives, in, falseNegatives), confidence),
        confidence);
  }
}
