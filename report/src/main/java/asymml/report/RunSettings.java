package asymml.report;

import asymml.trusted.train.TrainConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/// What a run was asked to do.
///
/// @param values of `config.yaml`: scalars and lists of scalars, in the file's order
/// @param config what they say is computed
/// @param workers how many workers they name, at least 1
public record RunSettings(Map<String, Object> values, TrainConfig config, int workers) {
  /// Checks the number of workers.
  ///
  /// @throws IllegalArgumentException if it is not positive
  public RunSettings {
    if (workers < 1) {
      throw new IllegalArgumentException("workers must be at least 1, got " + workers);
    }
    values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /// Reads the settings of a run.
  @FunctionalInterface
  public interface Reader {
    /// Reads a file.
    ///
    /// @param file `config.yaml`
    /// @return its settings
    /// @throws IOException one line, if it cannot be read
    /// @throws IllegalArgumentException one line, if its settings are unusable
    RunSettings read(Path file) throws IOException;
  }
}
