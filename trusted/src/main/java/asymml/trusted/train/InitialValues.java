package asymml.trusted.train;

import asymml.model.Initializer;
import org.jspecify.annotations.Nullable;

/// The parameters that a run begins with.
///
/// @param initializer gives them
/// @param sha256 of the file that some of them are from; null if the run's seed drew them all
public record InitialValues(Initializer initializer, @Nullable String sha256) {
  /// All parameters are drawn.
  ///
  /// @param seed of the run
  /// @return the values
  public static InitialValues drawn(long seed) {
    return new InitialValues(new Initializer(seed), null);
  }
}
