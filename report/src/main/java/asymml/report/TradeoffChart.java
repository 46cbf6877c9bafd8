package asymml.report;

import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.knowm.xchart.CategoryChart;

/// A trade-off as a picture: accuracy by noise level, one line for each rank.
///
/// @param title of the picture
/// @param levels of noise
/// @param lines for each rank, the first is noise alone
public record TradeoffChart(String title, List<String> levels, List<Line> lines) {
  private static final Color ALONE = new Color(0xc2, 0x5a, 0x1a);
  private static final Color LEAST = new Color(0x8f, 0xb4, 0xdf);
  private static final Color MOST = new Color(0x1f, 0x4e, 0x8c);

  /// The accuracies of a rank.
  ///
  /// @param label of the rank
  /// @param accuracies in percent, a value for each level; NaN, a gap in the line, where training
  ///   diverged
  /// @param errors half the length of each bar, in percent
  public record Line(String label, List<Double> accuracies, List<Double> errors) {
    /// Copies the lists.
    public Line {
      accuracies = List.copyOf(accuracies);
      errors = List.copyOf(errors);
    }
  }

  /// Checks that there is a value for each level.
  ///
  /// @throws IllegalArgumentException if a line has more or fewer
  public TradeoffChart {
    levels = List.copyOf(levels);
    lines = List.copyOf(lines);
    for (Line line : lines) {
      if (line.accuracies().size() != levels.size() || line.errors().size() != levels.size()) {
        throw new IllegalArgumentException(
            "line %s needs a value for each of %d levels".formatted(line.label(), levels.size()));
      }
    }
  }

  /// Writes the picture as SVG, atomically; there must be fonts.
  ///
  /// @param file to write
  /// @throws IOException if the file cannot be written
  public void write(Path file) throws IOException {
    Charts.write(draw(), file);
  }

  CategoryChart draw() {
    CategoryChart chart =
        Charts.lines(
            title,
            "noise per value, relative to the clip bound's: the same z for every line",
            "test accuracy in %, bars: two standard errors each way");
    chart.getStyler().setYAxisDecimalPattern("0");
    for (int i = 0; i < lines.size(); i++) {
      Line line = lines.get(i);
      Charts.line(
          chart.addSeries(line.label(), levels, line.accuracies(), line.errors()),
          colour(i, lines.size()),
          2.5f);
    }
    return chart;
  }

  private static Color colour(int rank, int ranks) {
    if (rank == 0) {
      return ALONE;
    }
    double share = ranks == 2 ? 1 : (rank - 1) / (ranks - 2.0);
    return new Color(
        between(LEAST.getRed(), MOST.getRed(), share),
        between(LEAST.getGreen(), MOST.getGreen(), share),
        between(LEAST.getBlue(), MOST.getBlue(), share));
  }

  private static int between(int from, int to, double share) {
    return Math.toIntExact(Math.round(from + share * (to - from)));
  }
}
