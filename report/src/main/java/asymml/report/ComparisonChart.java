package asymml.report;

import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategorySeries;
import org.knowm.xchart.style.markers.SeriesMarkers;

/// A comparison of ranks as a picture: by rank, the noise that one guarantee needs at each split
/// layer's input, relative to noise alone, and what trained models reach.
///
/// @param what was compared, for the title
/// @param ranks by name, the first is noise alone
/// @param ratios of noise, by layer, a value for each rank
/// @param meanRatios over the layers, a value for each rank
/// @param accuracies of trained models in percent, NaN where there is none, a value for each rank;
///   empty if nothing was trained
public record ComparisonChart(
    String what,
    List<String> ranks,
    Map<String, List<Double>> ratios,
    List<Double> meanRatios,
    List<Double> accuracies) {
  private static final Color FAINT = new Color(0x9d, 0xb8, 0xd9);
  private static final Color BOLD = new Color(0x1f, 0x4e, 0x8c);
  private static final Color ACCURACY = new Color(0xc2, 0x5a, 0x1a);

  /// Checks that there is a value for each rank.
  ///
  /// @throws IllegalArgumentException if a list has another length
  public ComparisonChart {
    ranks = List.copyOf(ranks);
    ratios = Collections.unmodifiableMap(new LinkedHashMap<>(ratios));
    meanRatios = List.copyOf(meanRatios);
    accuracies = List.copyOf(accuracies);
    int count = ranks.size();
    if (meanRatios.size() != count
        || !ratios.values().stream().allMatch(layer -> layer.size() == count)
        || !accuracies.isEmpty() && accuracies.size() != count) {
      throw new IllegalArgumentException("each line needs a value for each of " + count + " ranks");
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
            "Noise for the same guarantee, relative to noise alone: " + what,
            "rank: directions of each input that stay trusted",
            "noise / noise alone  =  residual norm / input norm");
    chart.getStyler().setYAxisMax(1.0);
    chart.getStyler().setYAxisDecimalPattern("0.0");
    boolean first = true;
    for (Map.Entry<String, List<Double>> layer : ratios.entrySet()) {
      String name = first ? "one input of a split layer" : layer.getKey();
      CategorySeries series = line(chart, name, layer.getValue(), FAINT, 1f);
      series.setMarker(SeriesMarkers.NONE);
      series.setShowInLegend(first);
      first = false;
    }
    line(chart, "geometric mean", meanRatios, BOLD, 3.5f);
    if (!accuracies.isEmpty()) {
      Charts.onTheRight(
          chart,
          line(chart, "test accuracy (right)", accuracies, ACCURACY, 2f),
          "test accuracy in %");
      chart.getStyler().setYAxisMax(Charts.RIGHT, 100.0);
    }
    return chart;
  }

  private CategorySeries line(
      CategoryChart chart, String name, List<Double> values, Color colour, float width) {
    return Charts.line(chart.addSeries(name, ranks, values), colour, width);
  }
}
