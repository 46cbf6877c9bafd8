package asymml.cli;

import asymml.trusted.decompose.RankPolicy;
import asymml.trusted.execute.ResidualNorms.Place;
import java.awt.BasicStroke;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.CategorySeries;
import org.knowm.xchart.CategorySeries.CategorySeriesRenderStyle;
import org.knowm.xchart.style.CategoryStyler;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/// A comparison as a picture: the noise that each rank needs, as a share of what noise alone needs.
final class ComparisonChart {
  private static final int WIDTH = 900;
  private static final int HEIGHT = 600;
  private static final int ACCURACY_AXIS = 1;
  private static final Color FAINT = new Color(0x9d, 0xb8, 0xd9);
  private static final Color BOLD = new Color(0x1f, 0x4e, 0x8c);
  private static final Color ACCURACY = new Color(0xc2, 0x5a, 0x1a);

  private final Comparison comparison;
  private final List<String> ranks;

  private ComparisonChart(Comparison comparison) {
    this.comparison = comparison;
    this.ranks = comparison.ranks().stream().map(RankPolicy::toString).toList();
  }

  /// Writes the picture as SVG, atomically; there must be fonts.
  ///
  /// @param what was compared, for the title
  /// @throws IOException if the file cannot be written
  static void write(Comparison comparison, String what, Path file) throws IOException {
    Charts.write(new ComparisonChart(comparison).draw(what), file);
  }

  private CategoryChart draw(String what) {
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title("Noise for the same guarantee, relative to noise alone: " + what)
            .xAxisTitle("rank: directions of each input that stay trusted")
            .yAxisTitle("noise / noise alone  =  residual norm / input norm")
            .build();
    CategoryStyler styler = chart.getStyler();
    Charts.style(styler);
    styler.setDefaultSeriesRenderStyle(CategorySeriesRenderStyle.Line);
    styler.setOverlapped(true); // all series of a rank at the same x
    styler.setYAxisMin(0.0);
    styler.setYAxisMax(1.0);
    styler.setYAxisDecimalPattern("0.0");
    styler.setLegendPosition(Styler.LegendPosition.OutsideS);
    styler.setMarkerSize(8);
    boolean first = true;
    for (Place place : comparison.places()) {
      add(chart, first ? "one input of a split layer" : place.layer(), place)
          .setShowInLegend(first);
      first = false;
    }
    line(
            chart,
            "geometric mean",
            IntStream.range(0, ranks.size()).mapToObj(comparison::meanRatio).toList(),
            BOLD,
            3.5f)
        .setMarker(SeriesMarkers.CIRCLE);
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
    CategorySeries series = chart.addSeries(name, ranks, values);
    series.setLineColor(colour);
    series.setLineStyle(new BasicStroke(width));
    series.setMarker(SeriesMarkers.NONE);
    series.setMarkerColor(colour);
    return series;
  }

  private void addAccuracy(CategoryChart chart) {
    List<Double> percent = new ArrayList<>();
    for (RankPolicy rank : comparison.ranks()) {
      OptionalDouble accuracy = comparison.accuracies().getOrDefault(rank, OptionalDouble.empty());
      percent.add(accuracy.isPresent() ? 100 * accuracy.getAsDouble() : Double.NaN);
    }
    CategorySeries series = line(chart, "test accuracy (right)", percent, ACCURACY, 2f);
    series.setMarker(SeriesMarkers.DIAMOND);
    series.setYAxisGroup(ACCURACY_AXIS);
    chart.setYAxisGroupTitle(ACCURACY_AXIS, "test accuracy in %");
    chart.getStyler().setYAxisGroupPosition(ACCURACY_AXIS, Styler.YAxisPosition.Right);
    chart.getStyler().setYAxisMin(ACCURACY_AXIS, 0.0);
    chart.getStyler().setYAxisMax(ACCURACY_AXIS, 100.0);
  }
}
