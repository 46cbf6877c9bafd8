package asymml.trusted.boundary;

/// The grid that noised values are rounded to, and the ranges in which it works.
///
/// Mironov (2012) showed that the low bits of a floating-point noise sample reveal what it was
/// added to. The sum `x + sigma g` is formed in float64, where g has a grain of about 2^-53, and
/// rounded to a multiple of `2^(exponent(sigma) - 10)`: each multiple gathers some 2^40 sums, so
/// that the holes between representable samples no longer show, while the rounding itself adds at
/// most `sigma / 1000` to the error. What happens afterwards (the cast to float32) depends on the
/// multiple alone and reveals nothing more.
final class NoiseLattice {
  /// Bits of a standard deviation.
  static final int BITS = 10;

  /// A clipped example ends this much below its bound, so that no rounding of norm, quotient and
  /// product (each some 2^-52) puts it above.
  static final double BELOW = 1 - 0x1p-40;

  /// Below this share of the clip bound, values would exceed 2^51 lattice steps.
  private static final double SMALLEST_SIGMA = 0x1p-36;

  /// Above this, a sample might not fit float32.
  private static final double LARGEST_SIGMA = 0x1p120;

  private NoiseLattice() {}

  /// Refuses noise that the lattice does not carry.
  ///
  /// @param sigma standard deviation of the noise
  /// @param clip the bound of what it hides
  /// @return sigma
  /// @throws IllegalArgumentException if it is too small beside the bound, or too large for float32
  static double requireUsable(double sigma, double clip) {
    if (sigma < clip * SMALLEST_SIGMA) {
      throw new IllegalArgumentException(
          "noise below 2^-36 of the clip bound is lost in rounding; turn it off instead");
    }
    if (!(sigma <= LARGEST_SIGMA)) {
      throw new IllegalArgumentException("the noise does not fit float32; lower its strength");
    }
    return sigma;
  }
}
