package asymml.trusted.plan;

/// How strong the noise on a release is, relative to the clip bound C of one example's tensor of
/// `dim` values.
public sealed interface NoiseStrength {
  /// The largest multiplier and ratio: with it, noise at the largest clip bound that can be given
  /// still fits float32.
  double MOST = 1e12;

  /// The noise's standard deviation per value.
  ///
  /// @param clipNorm C, above 0
  /// @param dim values of one example
  /// @return sigma, 0 if there is no noise
  double sigma(double clipNorm, int dim);

  /// Whether there is noise, and clipping with it.
  ///
  /// @return false for [None]
  default boolean isOn() {
    return switch (this) {
      case None _ -> false;
      case Multiplier _, Ratio _ -> true;
    };
  }

  /// No noise and no clipping: the split is exact and nothing is protected.
  record None() implements NoiseStrength {
    @Override
    public double sigma(double clipNorm, int dim) {
      return 0;
    }

    @Override
    public String toString() {
      return "none";
    }
  }

  /// Noise multiplier z, what accountants speak of: `sigma = z C`.
  ///
  /// @param z from 2^-36, below which noise is lost in the rounding of what it is added to, to 1e12
  record Multiplier(double z) implements NoiseStrength {
    /// Checks the range.
    public Multiplier {
      requireIn(0x1p-36, z, "noise multiplier");
    }

    @Override
    public double sigma(double clipNorm, int dim) {
      return z * clipNorm;
    }

    @Override
    public String toString() {
      return "z = " + z;
    }
  }

  /// Noise-to-residual ratio rho, what accuracy follows: `sigma = rho C / sqrt(dim)`, at 1 as
  /// strong as a residual at the bound.
  ///
  /// @param rho from 1e-6, which for any tensor is a noise multiplier above 2^-36, to 1e12
  record Ratio(double rho) implements NoiseStrength {
    /// Checks the range.
    public Ratio {
      requireIn(1e-6, rho, "noise ratio");
    }

    @Override
    public double sigma(double clipNorm, int dim) {
      return rho * clipNorm / Math.sqrt(dim);
    }

    @Override
    public String toString() {
      return "ratio = " + rho;
    }
  }

  private static void requireIn(double least, double value, String what) {
    if (!(value >= least && value <= MOST)) {
      throw new IllegalArgumentException(
          what + " must be from " + least + " to " + MOST + ", or 0 for none: " + value);
    }
  }
}
