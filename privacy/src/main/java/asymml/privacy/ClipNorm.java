package asymml.privacy;

/// The bound C on the L2 norm of what one example contributes to a release.
///
/// @param value C, positive and finite, in the units of the tensor
public record ClipNorm(double value) {
  /// Checks the range above.
  ///
  /// @throws IllegalArgumentException if the value is not positive, is infinite or is NaN
  public ClipNorm {
    if (!(value > 0) || !Double.isFinite(value)) {
      throw new IllegalArgumentException("a clip norm must be positive and finite: " + value);
    }
  }

  /// The standard deviation of the noise that gives a noise multiplier at this bound.
  ///
  /// @param noiseMultiplier z
  /// @return `z C`, in the units of the tensor
  public double noiseDeviation(NoiseMultiplier noiseMultiplier) {
    return noiseMultiplier.value() * value;
  }
}
