package asymml.privacy;

/// The epsilon of an (epsilon, delta) guarantee: at least 0, possibly infinite, never NaN.
///
/// @param value epsilon in nats; `Double.POSITIVE_INFINITY` means that nothing is promised
public record Epsilon(double value) implements Comparable<Epsilon> {
  /// No promise at all.
  public static final Epsilon INFINITE = new Epsilon(Double.POSITIVE_INFINITY);

  /// Nothing was released.
  public static final Epsilon ZERO = new Epsilon(0);

  /// Checks the range above.
  ///
  /// @throws IllegalArgumentException if the value is negative or NaN
  public Epsilon {
    if (!(value >= 0)) {
      throw new IllegalArgumentException("epsilon must be at least 0: " + value);
    }
    value = value + 0.0; // -0.0 would not be equal to ZERO
  }

  /// Whether anything is promised.
  ///
  /// @return false for an infinite epsilon
  public boolean isFinite() {
    return Double.isFinite(value);
  }

  /// Whether this guarantee is at least as strong as another one at the same delta.
  ///
  /// @param target the epsilon that must not be exceeded
  /// @return true if this epsilon is at most the target
  public boolean isWithin(Epsilon target) {
    return value <= target.value;
  }

  @Override
  public int compareTo(Epsilon other) {
    return Double.compare(value, other.value);
  }
}
