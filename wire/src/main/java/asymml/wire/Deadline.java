package asymml.wire;

import java.time.Duration;

/// The moment at which a wait must have ended, on the clock of [System#nanoTime].
///
/// One deadline covers all the reads of a message, so that a peer that sends one byte at a time
/// cannot stretch a wait.
///
/// @param nanos the moment
/// @param limited false if the wait may last for ever
public record Deadline(long nanos, boolean limited) {
  /// A wait without an end, for a worker that waits for its next request.
  public static final Deadline NEVER = new Deadline(0, false);

  private static final Duration LONGEST = Duration.ofDays(365);

  /// A deadline some time from now.
  ///
  /// @param limit time from now, positive and at most a year
  /// @return a new deadline
  public static Deadline in(Duration limit) {
    return new Deadline(System.nanoTime() + requireLimit(limit).toNanos(), true);
  }

  /// Checks a time limit.
  ///
  /// @param limit any duration
  /// @return the same
  /// @throws IllegalArgumentException if it is not positive, or longer than a year
  public static Duration requireLimit(Duration limit) {
    if (limit.isNegative() || limit.isZero() || limit.compareTo(LONGEST) > 0) {
      throw new IllegalArgumentException(
          "a time limit must be positive and at most a year: " + limit);
    }
    return limit;
  }

  /// The time that is left.
  ///
  /// @return nanoseconds; zero or below once the deadline has passed; [Long#MAX_VALUE] if there is
  ///   none
  public long remainingNanos() {
    return limited ? nanos - System.nanoTime() : Long.MAX_VALUE;
  }

  /// The earlier of two deadlines.
  ///
  /// @param other another deadline
  /// @return this or the other
  public Deadline orSooner(Deadline other) {
    if (!other.limited) {
      return this;
    }
    return !limited || other.nanos - nanos < 0 ? other : this;
  }
}
