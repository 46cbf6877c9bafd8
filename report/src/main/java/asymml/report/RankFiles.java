package asymml.report;

import asymml.trusted.rank.RankFile;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/// Where analyses of ranks go: into the run directory, which belongs to the trusted side.
///
/// @param layout of the run
public record RankFiles(RunLayout layout) {
  /// Writes the files, in place of earlier ones.
  ///
  /// @param analyses at least one
  /// @param model the network's name
  /// @return their paths; without the picture where this machine has no fonts to draw it with
  /// @throws IOException if a file cannot be written
  public List<Path> write(RankFile analyses, String model) throws IOException {
    analyses.write(layout.rank());
    return draw(analyses, model)
        ? List.of(layout.rank(), layout.rankPicture())
        : List.of(layout.rank());
  }

  /// Draws analyses.
  ///
  /// @param analyses at least one
  /// @param model the network's name
  /// @return false where this machine has no fonts to draw with
  /// @throws IOException if the picture cannot be written
  public boolean draw(RankFile analyses, String model) throws IOException {
    if (!Charts.hasFonts()) {
      return false;
    }
    RankChart.write(analyses.reports(), model, layout.rankPicture());
    return true;
  }
}
