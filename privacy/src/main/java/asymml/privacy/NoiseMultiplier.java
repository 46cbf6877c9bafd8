package asymml.privacy;

/// The noise multiplier z of a Gaussian mechanism: its standard deviation over its L2 sensitivity.
///
/// @param value z, positive and finite
public record NoiseMultiplier(double value) implements Comparable<NoiseMultiplier> {
  /// Checks the range above.
  ///
  /// @throws IllegalArgumentException if the value is not positive, is infinite or is NaN
  public NoiseMultiplier {
    if (!(value > 0) || !Double.isFinite(value)) {
      throw new IllegalArgumentException(
          "a noise multiplier must be positive and finite: " + value);
    }
  }

  @Override
  public int compareTo(NoiseMultiplier other) {
    return Double.compare(value, other.value);
  }
}
