package asymml.trusted.decompose;

/// How often a shared basis is renewed: often while the network changes quickly, less later.
///
/// @param earlyEvery steps between refreshes at first, at least 1
/// @param earlySteps how many steps count as early, at least 0
/// @param laterEvery steps between refreshes afterwards, at least 1
public record Refresh(int earlyEvery, int earlySteps, int laterEvery) {
  /// Every 10 steps for the first 200, every 50 later: 1 to 5 points of residual energy worse than
  /// a fresh basis at every step.
  public static final Refresh DEFAULT = new Refresh(10, 200, 50);

  /// Checks the ranges.
  public Refresh {
    if (earlyEvery < 1 || earlySteps < 0 || laterEvery < 1) {
      throw new IllegalArgumentException(
          "refreshes are at least one step apart, and there are at least 0 early steps: "
              + earlyEvery
              + ", "
              + earlySteps
              + ", "
              + laterEvery);
    }
  }

  /// Whether a refresh is due.
  ///
  /// @param step from 0
  /// @return true at the steps above
  public boolean due(long step) {
    return step % (step < earlySteps ? earlyEvery : laterEvery) == 0;
  }

  /// The step that stands for a batch of inference: the network does not change, and refreshes are
  /// as far apart as they come to be in training.
  ///
  /// @param batch from 0
  /// @return 0 for the first; else a later step, at which a refresh is due every [#laterEvery]
  ///   batches
  public long ofInference(long batch) {
    return batch == 0 ? 0 : Math.ceilDiv(earlySteps, laterEvery) * (long) laterEvery + batch;
  }

  /// How many refreshes a run has had.
  ///
  /// @param steps done, at least 0
  /// @return the number of steps below that at which one was due
  public long count(long steps) {
    long early = Math.min(steps, earlySteps);
    // The later ones are multiples of their period from the end of the early ones on.
    long later =
        steps > early ? Math.ceilDiv(steps, laterEvery) - Math.ceilDiv(early, laterEvery) : 0;
    return Math.ceilDiv(early, earlyEvery) + later;
  }
}
