package asymml.report;

import asymml.study.bench.BenchResult;
import asymml.study.bench.ModeCosts;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.plan.Mode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;

/// The trusted side's time as stacked bars: a picture for each mode, a bar for each layer.
public final class BenchChart {
  private static final int WIDTH = 1100;
  private static final int HEIGHT = 560;

  private BenchChart() {}

  /// Writes the pictures, atomically each; there must be fonts.
  ///
  /// @param result what was measured
  /// @param file the name; with several modes, each adds its own to it
  /// @return the paths written
  /// @throws IOException if a file cannot be written
  public static List<String> write(BenchResult result, Path file) throws IOException {
    List<String> written = new ArrayList<>();
    for (Map.Entry<Mode, ModeCosts> mode : result.modes().entrySet()) {
      Path own = result.modes().size() == 1 ? file : named(file, mode.getKey());
      Charts.write(draw(result, mode.getKey(), mode.getValue()), own);
      written.add(own.toString());
    }
    return written;
  }

  private static Path named(Path file, Mode mode) {
    String name = String.valueOf(file.getFileName());
    int dot = name.lastIndexOf('.');
    String stem = dot > 0 ? name.substring(0, dot) : name;
    return file.resolveSibling(stem + "-" + mode.label() + ".svg");
  }

  static CategoryChart draw(BenchResult result, Mode mode, ModeCosts figures) {
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(
                String.format(
                    Locale.ROOT,
                    "%s, %s: %.0f ms of trusted CPU a step",
                    mode.label(),
                    result.point().title(),
                    figures.cost().trustedCpuMillis()))
            .xAxisTitle("layer, with what follows it")
            .yAxisTitle("ms a step, as the trusted side sees it pass")
            .build();
    Charts.style(chart.getStyler());
    chart.getStyler().setStacked(true);
    chart.getStyler().setXAxisLabelRotation(60);
    chart.getStyler().setYAxisMin(0.0);
    for (Phase phase : Phase.values()) {
      // Waiting is the worker's time: a fast one leaves none of it.
      if (phase != Phase.WAIT && figures.millis(phase) > 0) {
        chart.addSeries(
            phase.label(),
            List.copyOf(figures.layers().keySet()),
            figures.layers().keySet().stream().map(layer -> figures.millis(layer, phase)).toList());
      }
    }
    return chart;
  }
}
