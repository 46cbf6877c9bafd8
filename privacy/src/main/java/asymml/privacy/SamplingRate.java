package asymml.privacy;

/// The probability q with which Poisson sampling draws an example into a batch.
///
/// @param value q, above 0 and at most 1; at 1 every example is in every batch
public record SamplingRate(double value) implements Comparable<SamplingRate> {
  /// Checks the range above.
  ///
  /// @throws IllegalArgumentException if the value is outside the range or NaN
  public SamplingRate {
    if (!(value > 0 && value <= 1)) {
      throw new IllegalArgumentException("a sampling rate must be above 0 and at most 1: " + value);
    }
  }

  @Override
  public int compareTo(SamplingRate other) {
    return Double.compare(value, other.value);
  }
}
