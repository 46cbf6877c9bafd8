package asymml.cli;

import asymml.trusted.plan.Mode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategorySeries;

/// A sweep as a picture: the trusted side's processor time for an image in each mode, and the
/// trusted-cost ratio.
final class SweepChart {
  private SweepChart() {}

  /// Writes the picture as SVG, atomically; there must be fonts.
  ///
  /// @throws IOException if the file cannot be written
  static void write(SweepResult result, Path file) throws IOException {
    Charts.write(draw(result), file);
  }

  private static CategoryChart draw(SweepResult result) {
    BenchPoint first = result.results().getFirst().point();
    String key = result.sweep().key().label();
    CategoryChart chart =
        Charts.lines(
            "What an image costs the trusted side, by %s: %s".formatted(key, first.graph().name()),
            key,
            "trusted CPU ms per image");
    for (Mode mode : first.plans().keySet()) {
      add(
          chart,
          result,
          mode.label(),
          result.results().stream()
              .map(r -> r.of(mode).cost().trustedCpuMillis() / r.point().batchSize())
              .toList());
    }
    List<Double> ratios =
        result.results().stream().map(r -> r.trustedCostRatio().orElse(Double.NaN)).toList();
    if (!ratios.stream().allMatch(r -> r.isNaN())) {
      Charts.onTheRight(
          chart, add(chart, result, "trusted-cost ratio (right)", ratios), "trusted-only / asymml");
    }
    return chart;
  }

  private static CategorySeries add(
      CategoryChart chart, SweepResult result, String name, List<Double> values) {
    int before = chart.getSeriesMap().size();
    return Charts.line(
        chart.addSeries(name, result.sweep().values(), values), Charts.COLOURS.get(before), 2.5f);
  }
}
