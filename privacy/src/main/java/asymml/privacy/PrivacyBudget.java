package asymml.privacy;

/// What a run may spend.
///
/// @param epsilon the epsilon that the run must not exceed; finite
/// @param delta the delta at which it is measured; above 0 and below 1
public record PrivacyBudget(Epsilon epsilon, Delta delta) {
  /// Checks the ranges above.
  ///
  /// @throws IllegalArgumentException if epsilon is infinite or delta is 0 or 1
  public PrivacyBudget {
    if (!epsilon.isFinite()) {
      throw new IllegalArgumentException("a budget needs a finite epsilon");
    }
    if (!(delta.value() > 0 && delta.value() < 1)) {
      throw new IllegalArgumentException(
          "a budget needs a delta above 0 and below 1: " + delta.value());
    }
  }
}
