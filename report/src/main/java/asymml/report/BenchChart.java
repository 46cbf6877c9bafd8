package asymml.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;

/// The trusted side's time in a mode as stacked bars, a bar for each layer.
///
/// @param title of the picture
/// @param layers by name
/// @param phases milliseconds a step by phase, a value for each layer
public record BenchChart(String title, List<String> layers, Map<String, List<Double>> phases) {
  private static final int WIDTH = 1100;
  private static final int HEIGHT = 560;

  /// Checks that there is a value for each layer.
  ///
  /// @throws IllegalArgumentException if a phase has more or fewer
  public BenchChart {
    layers = List.copyOf(layers);
    phases = Collections.unmodifiableMap(new LinkedHashMap<>(phases));
    for (Map.Entry<String, List<Double>> phase : phases.entrySet()) {
      if (phase.getValue().size() != layers.size()) {
        throw new IllegalArgumentException(
            "phase %s needs a value for each of %d layers"
                .formatted(phase.getKey(), layers.size()));
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
        new CategoryChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .xAxisTitle("layer, with what follows it")
            .yAxisTitle("ms a step, as the trusted side sees it pass")
            .build();
    Charts.style(chart.getStyler());
    chart.getStyler().setStacked(true);
    chart.getStyler().setXAxisLabelRotation(60);
    chart.getStyler().setYAxisMin(0.0);
    phases.forEach((phase, millis) -> chart.addSeries(phase, layers, millis));
    return chart;
  }
}
