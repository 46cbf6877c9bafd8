package asymml.privacy;

/// How the examples of a step are chosen.
public sealed interface Sampling {
  /// The number of examples N of the training set; public.
  ///
  /// @return at least 1
  long examples();

  /// How many examples a step has, or has on average.
  ///
  /// @return B, at least 1 and at most N
  int batchSize();

  /// Steps that make an epoch.
  ///
  /// @return `ceil(N / B)`
  default long stepsPerEpoch() {
    return Math.ceilDiv(examples(), batchSize());
  }

  /// The probability, in either of two adjacent data sets alike, that some step leaves the model
  /// that the accountants assume; it is added to delta.
  ///
  /// @param steps of the run, at least 0
  /// @return an upper bound, 0 to 1
  /// @throws IllegalArgumentException if steps are negative
  double failure(long steps);

  /// A random partition an epoch: every example is in one step of it. The order is a function of a
  /// seed that is public, so nothing is amplified.
  ///
  /// @param examples N
  /// @param batchSize B
  record Shuffled(long examples, int batchSize) implements Sampling {
    /// Checks the ranges.
    public Shuffled {
      check(examples, batchSize);
    }

    @Override
    public double failure(long steps) {
      checkSteps(steps);
      return 0;
    }
  }

  /// Each example takes part in a step with probability `q = B / N`, by itself, and the draw is
  /// secret. The worker always receives the same number of slots; drawn examples take random ones,
  /// the rest hold null examples. Where more are drawn than there are slots, a random choice of
  /// them is left out.
  ///
  /// *Overflow.* Let E be the event that the examples other than one leave a slot free in every
  /// step. E has the same probability in two data sets that differ in that one example, and given E
  /// its own draw is still one of probability q, so that the mechanism is the one that is accounted
  /// for. Hence `P(view in S | D) <= P(not E) + e^epsilon P(view in S | D') + delta`: the
  /// probability of overflow is added to delta once, without a factor.
  ///
  /// @param examples N
  /// @param batchSize B, the expected number of examples a step
  /// @param slots how many there is room for, at least B
  record Poisson(long examples, int batchSize, int slots) implements Sampling {
    /// The largest relative error of one rounding.
    private static final double ROUNDING = 0x1p-53;

    /// Checks the ranges.
    public Poisson {
      check(examples, batchSize);
      if (slots < batchSize) {
        throw new IllegalArgumentException(
            "a step has at least %s slots: %s".formatted(batchSize, slots));
      }
    }

    /// The fewest slots with which overflow in any step of a run is improbable enough.
    ///
    /// @param examples N
    /// @param batchSize B
    /// @param steps of the run, at least 1
    /// @param failure what [#failure] may be at most, above 0
    /// @return sampling with these slots
    /// @throws IllegalArgumentException if an argument is out of range
    public static Poisson of(long examples, int batchSize, long steps, double failure) {
      if (!(failure > 0) || steps < 1) {
        throw new IllegalArgumentException(
            "slots need a failure probability above 0 and a step: " + failure + ", " + steps);
      }
      check(examples, batchSize);
      int slots = batchSize;
      while (slots < examples && failure(examples, batchSize, slots, steps) > failure) {
        slots++;
      }
      return new Poisson(examples, batchSize, slots);
    }

    /// The same with slots that fill whole physical batches.
    ///
    /// @param physical how many slots one has, at least 1
    /// @return at least as many slots, a multiple of `physical`
    public Poisson inBatchesOf(int physical) {
      return new Poisson(
          examples, batchSize, Math.multiplyExact(Math.ceilDiv(slots, physical), physical));
    }

    /// The probability with which an example is drawn.
    ///
    /// @return q
    public SamplingRate rate() {
      return new SamplingRate((double) batchSize / examples);
    }

    @Override
    public double failure(long steps) {
      return failure(examples, batchSize, slots, steps);
    }

    private static double failure(long examples, int batchSize, int slots, long steps) {
      checkSteps(steps);
      return Math.min(1, steps * overflow(examples - 1, (double) batchSize / examples, slots));
    }

    /// A bound on the probability that at least `slots` of `n` others are drawn: Chernoff's, `e^(-n
    /// KL(share, q))` with `share = slots / n`, which holds for `share >= q`, raised by more than
    /// its rounding. The divergence is taken from `share - q`, rounded once: the quotients of
    /// shares that are close, or close to 1, would lose it.
    private static double overflow(long n, double q, int slots) {
      if (slots > n) {
        return 0;
      }
      double share = (double) slots / n;
      double gap = Math.fma(-(double) n, q, slots) / n;
      if (!(gap > 0)) {
        return 1;
      }
      double drawn = share * Math.log1p(gap / q);
      double others = slots == n ? 0 : (double) (n - slots) / n * Math.log1p(-gap / (1 - q));
      // Each of the two is within 16 roundings of the first, which is the larger one.
      double divergence = drawn + others - 32 * ROUNDING * drawn;
      // 4 units are more than those of the exponential, and of the product with the steps.
      return Math.nextUp(Math.exp(-n * divergence) * (1 + 8 * ROUNDING));
    }
  }

  private static void checkSteps(long steps) {
    if (steps < 0) {
      throw new IllegalArgumentException("steps are counted from 0: " + steps);
    }
  }

  private static void check(long examples, int batchSize) {
    if (batchSize < 1 || examples < batchSize) {
      throw new IllegalArgumentException(
          "a step has from 1 to all of the " + examples + " examples: " + batchSize);
    }
  }
}
