package asymml.trusted.check;

import asymml.wire.Encoding;

/// How far the right result of a linear operation may be off in float arithmetic, as a share of its
/// magnitude: the root of the sum of squares of what its terms would give with random signs, plus
/// its own.
///
/// Sums of n float32 products are off by about `0.2 sqrt(n) 2^-24` where they are formed one after
/// another, and by several times that with transformed kernels (Winograd). Products of shorter
/// mantissas add the rounding of their factors, of 2^-11 (TF32) or 2^-9 (bfloat16).
///
/// @param factors by how much the rounding of factors may change a result
record Rounding(double factors) {
  private static final double SUM = 8 * 0x1p-24;
  private static final int FEWEST_TERMS = 64;

  /// That of a worker.
  ///
  /// @param precision what it says of its arithmetic
  /// @param encoding of tensors on their way
  static Rounding of(String precision, Encoding encoding) {
    if (encoding == Encoding.BFLOAT16) {
      return new Rounding(3 * 0x1p-7);
    }
    if (precision.equals("float32")) {
      return new Rounding(0);
    }
    return new Rounding(precision.startsWith("tf32") ? 3 * 0x1p-10 : 3 * 0x1p-7);
  }

  /// The largest error, as a share.
  ///
  /// @param terms of one sum
  double relative(double terms) {
    return factors + SUM * Math.sqrt(Math.max(terms, FEWEST_TERMS));
  }
}
