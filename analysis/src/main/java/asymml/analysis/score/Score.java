package asymml.analysis.score;

/// One measure of one attack on one layer.
///
/// @param attack which
/// @param layer where
/// @param measure what is counted
/// @param value what the attack reached
/// @param chance what a guess without the view reaches
/// @param best what an attacker with the clear data reaches
/// @param deviation the standard deviation of the values of guesses; 0 where it is not known
public record Score(
    String attack,
    String layer,
    String measure,
    double value,
    double chance,
    double best,
    double deviation) {
  /// The tolerance: a value within so many deviations of chance is one that a guess reaches. Of a
  /// thousand guesses about one lies further above.
  public static final double TOLERANCE = 3;

  /// Whether the value lies further above chance than guesses do.
  ///
  /// @return false within the tolerance
  public boolean aboveChance() {
    return value - chance > TOLERANCE * deviation;
  }
}
