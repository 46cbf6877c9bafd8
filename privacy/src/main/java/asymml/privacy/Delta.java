package asymml.privacy;

/// The delta of an (epsilon, delta) guarantee: a probability.
///
/// @param value from 0 to 1, both included
public record Delta(double value) implements Comparable<Delta> {
  /// Nothing is left to chance.
  public static final Delta ZERO = new Delta(0);

  /// Everything is: no promise at all.
  public static final Delta ONE = new Delta(1);

  /// Checks the range above.
  ///
  /// @throws IllegalArgumentException if the value is outside the range or NaN
  public Delta {
    if (!(value >= 0 && value <= 1)) {
      throw new IllegalArgumentException("delta must be from 0 to 1: " + value);
    }
    value = value + 0.0; // -0.0 would not be equal to ZERO
  }

  @Override
  public int compareTo(Delta other) {
    return Double.compare(value, other.value);
  }
}
