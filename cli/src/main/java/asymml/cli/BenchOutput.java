package asymml.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/// What a benchmark came to.
sealed interface BenchOutput permits BenchResult, SweepResult {
  void print(PrintWriter out);

  /// For a file.
  Map<String, Object> facts();

  /// Writes the pictures as SVG, atomically each; there must be fonts.
  ///
  /// @param file the name, to which each of several adds its own
  /// @return the paths written
  /// @throws IOException if a file cannot be written
  List<String> draw(Path file) throws IOException;
}
