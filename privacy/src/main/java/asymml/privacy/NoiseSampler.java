package asymml.privacy;

/// What the noise sampler of this program leaves out of a Gaussian law, as a part of delta.
///
/// Accountants answer for noise of unbounded support. Samples come in pairs on circles (Box and
/// Muller 1958) of radius `sqrt(-2 log u)`, with u a multiple of 2^-74, and the sum of signal and
/// noise is rounded to a lattice of at least `2^(-1-L)` deviations. Circles lie `2^-74 / (u r)`
/// deviations apart: as long as `r <= R = sqrt(2 (76 - L - M) log 2)`, which is at least 8, every cell
/// of the lattice is met by `2^M` of them and more. Beyond, cells are met by few or none, and beyond
/// 10.13 all are empty. What falls there is counted in full, as an outcome that betrays everything.
/// M is 0 for noise, where what lies near R has a probability of 2^-66, and 4 for masks.
///
/// ## The bound
///
/// Take one release of d values with noise multiplier z. In units of the deviation, one example
/// moves the centre by a vector s with `|s| <= 1/z`. A pair of samples at centre 0 is not within R
/// of 0 with probability `Q(0) = 2^-(76-L-M)`, and not within R of its part `s_i` of the shift with
/// probability
///
///     Q(nu) = P(A <= B),  A ~ Poisson(m), B ~ Poisson(nu), m = R^2 / 2, nu = |s_i|^2 / 2
///
/// (a chi-square law with two degrees of freedom, not centred, is a Poisson mixture of centred
/// ones). As long as Q is convex on `[0, 1 / (2 z^2)]`, the sum of `Q(nu_i) - Q(0)` over pairs with
/// `sum nu_i <= 1 / (2 z^2)` is largest if one pair bears the whole shift; there are at most d pairs
/// (some are cut in half). So the probability that some pair lies outside R of one of the two
/// centres is at most
///
///     o = 2 d Q(0) + Q(1 / (2 z^2)),
///
/// under each of the two centres. The second derivative of Q is a mixture of `t(j+2) - t(j+1)`, with
/// t the law of A, which changes its sign once; it is summed and checked, and where it is negative
/// (a shift of about R, of which half the mass is outside) the bound is 1.
///
/// ## From one release to a run
///
/// Call B the outcomes of a step where some pair is outside, with probability at most o under
/// either centre, and q the probability that the example takes part. Elsewhere the densities are
/// those of the ideal mechanism, up to one factor `1 / (1 - 2^-74)` a pair for both laws ([Ledger]
/// divides by it). On B, let n be the law of a step without the example and s the one with it, so
/// that the two laws to be told apart are n and `(1-q) n + q s`. From the law that is tested, take
/// away a mass of at most `2 q o` on B, such that the rest has a constant likelihood ratio there,
/// no further from 1 than that of the ideal laws of B as one outcome, n(B) and `(1-q) n(B) + q
/// s(B)`. In the one direction take `q s`, and q of what is left; in the other a share `q s(B) /
/// ((1-q) n(B) + q s(B))` of n, which is at most `2 q s(B)` where `q <= 1/2` and at most `o <= 2 q
/// o` elsewhere. The rest is dominated by the ideal mechanism, also under adaptive composition, and
/// what was taken away adds up: over a run to 2 o for each time that an example is expected to take
/// part. All releases of a step are one mechanism, whose o is the sum of theirs.
///
/// Not in the bound: the cipher is taken for a random one, and within R each cell's probability is
/// taken for the Gaussian one. It differs by the square of circle distance over lattice step, and
/// with changing sign.
public enum NoiseSampler {
  /// Noise that is added on the trusted side: a lattice of 2^-10 of the deviation.
  NOISE(10, 0),
  /// Masks that a worker makes: a lattice of 2^-24.
  MASKS(24, 4);

  /// Bits of the uniform that gives a radius.
  private static final int UNIFORM_BITS = 74;

  /// Added to what is summed up: more than its rounding, some 500 additions and products.
  private static final double ROUNDING = 1 + 1e-12;

  /// Terms that are summed. What is left out of a Poisson law of mean 46 there is below 1e-200.
  private static final int TERMS = 512;

  private final int latticeBits;
  private final double mean;
  private final double tail;

  NoiseSampler(int latticeBits, int margin) {
    this.latticeBits = latticeBits;
    int bits = UNIFORM_BITS + 2 - latticeBits - margin;
    this.mean = bits * Math.log(2);
    this.tail = Math.scalb(1.0, -bits);
  }

  /// How much finer than the noise the lattice is.
  ///
  /// @return L: its step is at least `2^(-1-L)` deviations
  public int latticeBits() {
    return latticeBits;
  }

  /// Up to where it reaches.
  ///
  /// @return R in deviations
  public double radius() {
    return Math.sqrt(2 * mean);
  }

  /// What it leaves out of one release: the bound o above.
  ///
  /// @param noise z
  /// @param values d, at least 1
  /// @return an upper bound on a probability, 0 to 1
  public double leftOut(NoiseMultiplier noise, long values) {
    double spread = 2 * (double) values * tail * ROUNDING;
    return Math.min(1, spread + shifted(0.5 / noise.value() / noise.value()));
  }

  /// Q(nu), or 1 where it is not known to be convex.
  private double shifted(double nu) {
    if (!(nu < mean)) {
      return 1;
    }
    double reached = Math.exp(-nu); // P(B = j)
    double law = Math.exp(-mean); // P(A = j)
    double below = law; // P(A <= j)
    double sum = 0;
    double curvature = 0;
    for (int j = 0; j < TERMS; j++) {
      double next = law * mean / (j + 1);
      curvature += reached * (next * mean / (j + 2) - next);
      sum += reached * below;
      law = next;
      below += law;
      reached *= nu / (j + 1);
    }
    return curvature > 0 ? Math.min(1, sum * ROUNDING) : 1;
  }

  /// The factor of the densities of one pair: what no sample reaches at all.
  ///
  /// @return 2^-74
  static double missing() {
    return Math.scalb(1.0, -UNIFORM_BITS);
  }

  /// What it leaves out of what happened, where each release has one value.
  ///
  /// @param event any; unprotected parts count nothing, they are infinite by themselves
  /// @return `2 o` for each time that an example is expected to take part, 0 to 1
  double leftOut(PrivacyEvent event) {
    double part =
        switch (event) {
          case PrivacyEvent.NoOp() -> 0;
          case PrivacyEvent.Unprotected _ -> 0;
          case PrivacyEvent.Gaussian(var noise) -> 2 * leftOut(noise, 1);
          case PrivacyEvent.Composed(var events) ->
              events.stream().mapToDouble(this::leftOut).sum();
          case PrivacyEvent.SelfComposed(var inner, var count) -> count * leftOut(inner);
          case PrivacyEvent.PoissonSampled(var rate, var inner) -> rate.value() * leftOut(inner);
        };
    return Math.min(1, part * ROUNDING);
  }
}
