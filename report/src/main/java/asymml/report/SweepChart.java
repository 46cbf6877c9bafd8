package asymml.report;

import asymml.study.bench.BenchPoint;
import asymml.study.bench.SweepResult;
import asymml.trusted.plan.Mode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategorySeries;

/// A sweep as a picture: the trusted side's processor time for an image in each mode, and the
/// trusted-cost ratio.
public final class SweepChart {
  private SweepChart() {}

  /// Writes the picture as SVG, atomically; there must be fonts.
  ///
  /// @param result what was measured
  /// @param file to write
  /// @return its path
  /// @throws IOException if the file cannot be written
  public static List<String> write(SweepResult result, Path file) throws IOException {
    Charts.write(draw(result), file);
    return List.of(file.toString());
  }

  static CategoryChart draw(SweepResult result) {
    BenchPoint first = result.results().getFirst().point();
    String key = result.sweep().key().label();
    CategoryChart chart =
        Charts.lines(
            "Trusted cost of an image, by %s: %s".formatted(key, first.graph().name()),
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
