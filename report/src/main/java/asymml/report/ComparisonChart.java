package asymml.report;

import asymml.study.compare.Comparison;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.plan.RankPolicy;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategorySeries;
import org.knowm.xchart.style.markers.SeriesMarkers;

/// A comparison as a picture: the noise that each rank needs, as a share of what noise alone needs.
public final class ComparisonChart {
  private static final Color FAINT = new Color(0x9d, 0xb8, 0xd9);
  private static final Color BOLD = new Color(0x1f, 0x4e, 0x8c);
  private static final Color ACCURACY = new Color(0xc2, 0x5a, 0x1a);

  private final Comparison comparison;
  private final List<String> ranks;

  ComparisonChart(Comparison comparison) {
    this.comparison = comparison;
    this.ranks = comparison.ranks().stream().map(RankPolicy::toString).toList();
  }

  /// Writes the picture as SVG, atomically; there must be fonts.
  ///
  /// @param comparison what was measured
  /// @param what was compared, for the title
  /// @param file to write
  /// @throws IOException if the file cannot be written
  public static void write(Comparison comparison, String what, Path file) throws IOException {
    Charts.write(new ComparisonChart(comparison).draw(what), file);
  }

  CategoryChart draw(String what) {
    CategoryChart chart =
        Charts.lines(
            "Noise for the same guarantee, relative to noise alone: " + what,
            "rank: directions of each input that stay trusted",
            "noise / noise alone  =  residual norm / input norm");
    chart.getStyler().setYAxisMax(1.0);
    chart.getStyler().setYAxisDecimalPattern("0.0");
    boolean first = true;
    for (Place place : comparison.places()) {
      CategorySeries series =
          add(chart, first ? "one input of a split layer" : place.layer(), place);
      series.setMarker(SeriesMarkers.NONE);
      series.setShowInLegend(first);
      first = false;
    }
    line(
        chart,
        "geometric mean",
        IntStream.range(0, ranks.size()).mapToObj(comparison::meanRatio).toList(),
        BOLD,
        3.5f);
    if (!comparison.accuracies().isEmpty()) {
      addAccuracy(chart);
    }
    return chart;
  }

  private CategorySeries add(CategoryChart chart, String name, Place place) {
    return line(
        chart,
        name,
        IntStream.range(0, ranks.size()).mapToObj(i -> comparison.ratio(place, i)).toList(),
        FAINT,
        1f);
  }

  private CategorySeries line(
      CategoryChart chart, String name, List<Double> values, Color colour, float width) {
    return Charts.line(chart.addSeries(name, ranks, values), colour, width);
  }

  private void addAccuracy(CategoryChart chart) {
    List<Double> percent = new ArrayList<>();
    for (RankPolicy rank : comparison.ranks()) {
      OptionalDouble accuracy = comparison.accuracies().getOrDefault(rank, OptionalDouble.empty());
      percent.add(accuracy.isPresent() ? 100 * accuracy.getAsDouble() : Double.NaN);
    }
    Charts.onTheRight(
        chart, line(chart, "test accuracy (right)", percent, ACCURACY, 2f), "test accuracy in %");
    chart.getStyler().setYAxisMax(Charts.RIGHT, 100.0);
  }
}
