package asymml.report;

import asymml.study.tradeoff.Tradeoff;
import asymml.trusted.plan.RankPolicy;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategorySeries;

/// A trade-off as a picture: accuracy by noise level, one line for each rank.
public final class TradeoffChart {
  private static final Color ALONE = new Color(0xc2, 0x5a, 0x1a);
  private static final Color LEAST = new Color(0x8f, 0xb4, 0xdf);
  private static final Color MOST = new Color(0x1f, 0x4e, 0x8c);

  private TradeoffChart() {}

  /// Writes the picture of a sweep as SVG, atomically; there must be fonts.
  ///
  /// @param tradeoff the grid
  /// @param sweep its part that is drawn
  /// @param what was trained, for the title
  /// @param file to write
  /// @throws IOException if the file cannot be written
  public static void write(Tradeoff tradeoff, Tradeoff.Sweep sweep, String what, Path file)
      throws IOException {
    Charts.write(draw(tradeoff, sweep, what), file);
  }

  static CategoryChart draw(Tradeoff tradeoff, Tradeoff.Sweep sweep, String what) {
    CategoryChart chart =
        Charts.lines(
            "Accuracy against noise on " + sweep.where() + ": " + what,
            "noise per value, relative to the clip bound's: the same z for every line",
            "test accuracy in %, bars: two standard errors each way");
    chart.getStyler().setYAxisDecimalPattern("0");
    List<RankPolicy> ranks = tradeoff.ranks();
    for (int i = 0; i < ranks.size(); i++) {
      add(chart, tradeoff, sweep, ranks.get(i), colour(i, ranks.size()));
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

  private static void add(
      CategoryChart chart, Tradeoff tradeoff, Tradeoff.Sweep sweep, RankPolicy rank, Color colour) {
    List<OptionalDouble> accuracies =
        sweep.levels().stream()
            .map(level -> tradeoff.cell(sweep.at(rank, level)).accuracy())
            .toList();
    CategorySeries series =
        chart.addSeries(
            Tradeoff.label(rank),
            sweep.levels().stream().map(Figures::plain).toList(),
            // A gap in the line where training diverged.
            accuracies.stream().map(a -> 100 * a.orElse(Double.NaN)).toList(),
            accuracies.stream()
                .map(a -> 100 * Tradeoff.ERRORS * tradeoff.standardError(a.orElse(Double.NaN)))
                .toList());
    Charts.line(series, colour, 2.5f);
  }
}
