package asymml.attest;

import java.time.Duration;
import java.time.Instant;

/// The moment for which evidence is verified: the owner's, never that of the machine under test.
///
/// @param at the moment
/// @param skew by how much the owner's clock may be wrong, in either direction; not negative
public record VerificationTime(Instant at, Duration skew) {
  /// Checks the range.
  public VerificationTime {
    if (skew.isNegative()) {
      throw new IllegalArgumentException("the clock skew must not be negative: " + skew);
    }
  }

  /// A moment without tolerance.
  ///
  /// @param at the moment
  /// @return with a skew of 0
  public static VerificationTime exactly(Instant at) {
    return new VerificationTime(at, Duration.ZERO);
  }

  /// Whether something begins only later.
  ///
  /// @param begin its first moment
  /// @return true if it is not yet valid
  public boolean isBefore(Instant begin) {
    return at.plus(skew).isBefore(begin);
  }

  /// Whether something has ended.
  ///
  /// @param end its last moment
  /// @return true if it has expired
  public boolean isAfter(Instant end) {
    return at.minus(skew).isAfter(end);
  }
}
