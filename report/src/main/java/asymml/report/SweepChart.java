package asymml.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategorySeries;

/// A sweep as a picture: the trusted side's processor time for an image in each mode, and the
/// trusted-cost ratio.
///
/// @param model the network's name
/// @param key what is varied
/// @param values of the key
/// @param modes milliseconds of trusted CPU an image by mode, for each value
/// @param ratios trusted-only over asymml, NaN where there is none, for each value
public record SweepChart(
    String model,
    String key,
    List<String> values,
    Map<String, List<Double>> modes,
    List<Double> ratios) {
  /// Checks that each line has a point for each value.
  ///
  /// @throws IllegalArgumentException if one has more or fewer
  public SweepChart {
    values = List.copyOf(values);
    modes = Collections.unmodifiableMap(new LinkedHashMap<>(modes));
    ratios = List.copyOf(ratios);
    int count = values.size();
    if (ratios.size() != count || !modes.values().stream().allMatch(m -> m.size() == count)) {
      throw new IllegalArgumentException(
          "each line needs a point for each of " + count + " values");
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
            "Trusted cost of an image, by %s: %s".formatted(key, model),
            key,
            "trusted CPU ms per image");
    modes.forEach((mode, millis) -> add(chart, mode, millis));
    if (!ratios.stream().allMatch(r -> r.isNaN())) {
      Charts.onTheRight(
          chart, add(chart, "trusted-cost ratio (right)", ratios), "trusted-only / asymml");
    }
    return chart;
  }

  private CategorySeries add(CategoryChart chart, String name, List<Double> points) {
    int before = chart.getSeriesMap().size();
    return Charts.line(chart.addSeries(name, values, points), Charts.COLOURS.get(before), 2.5f);
  }
}
