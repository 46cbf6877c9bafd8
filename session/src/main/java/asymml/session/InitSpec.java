package asymml.session;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// What parameters a run begins with.
///
/// @param file with parameters of another model, as [asymml.interop.InitialWeights] reads it; null
///   where the seed draws all
/// @param isPublic whether the user declares that the file depends on no private image of this run:
///   an account of the run is false otherwise
public record InitSpec(@Nullable Path file, boolean isPublic) {
  /// All parameters are drawn by the seed.
  public static final InitSpec SEED = new InitSpec(null, false);

  /// Parameters of a file of which nothing is declared.
  ///
  /// @param file with the parameters
  /// @return a new specification
  public static InitSpec of(Path file) {
    return new InitSpec(file, false);
  }

  /// The same, declared to depend on no private image of the run.
  ///
  /// @return a new specification
  public InitSpec declaredPublic() {
    return new InitSpec(file, true);
  }
}
