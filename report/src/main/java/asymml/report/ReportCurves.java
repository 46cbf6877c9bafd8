package asymml.report;

import asymml.trusted.run.EpochMetrics;
import java.awt.BasicStroke;
import java.awt.Color;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.markers.SeriesMarkers;

/// Loss and accuracy of several runs by epoch.
///
/// @param runs those with at least one epoch
/// @param names of the runs, all different
record ReportCurves(List<ReportedRun> runs, List<String> names) {
  /// Of charts that stand two beside each other.
  static final int WIDTH = 480;

  private static final int HEIGHT = 320;
  private static final float[] DASHES = {6f, 5f};

  /// Training loss dashed, test or validation loss solid.
  XYChart loss() {
    return chart("loss", m -> orGap(m.trainLoss()), EpochMetrics::heldOutLoss);
  }

  /// Training accuracy dashed, test or validation accuracy solid.
  XYChart accuracy() {
    XYChart chart =
        chart("accuracy in %", m -> 100 * orGap(m.trainAccuracy()), m -> 100 * m.heldOutAccuracy());
    chart.getStyler().setYAxisMin(0.0);
    return chart;
  }

  /// A line has a gap where a value is not known.
  private static double orGap(@Nullable Double value) {
    return value == null ? Double.NaN : value;
  }

  private XYChart chart(
      String axis, ToDoubleFunction<EpochMetrics> train, ToDoubleFunction<EpochMetrics> test) {
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .xAxisTitle("epoch")
            .yAxisTitle(axis)
            .build();
    Charts.style(chart.getStyler());
    Charts.wholeNumbers(chart.getStyler());
    chart.getStyler().setMarkerSize(5);
    for (int i = 0; i < runs.size(); i++) {
      Color colour = Charts.COLOURS.get(i % Charts.COLOURS.size());
      add(
              chart,
              runs.get(i),
              names.get(i) + ", " + runs.get(i).epochs().getFirst().heldOut(),
              test,
              colour)
          .setLineStyle(new BasicStroke(2f));
      add(chart, runs.get(i), names.get(i) + ", training", train, colour)
          .setLineStyle(
              new BasicStroke(1.5f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 10f, DASHES, 0f));
    }
    return chart;
  }

  private static XYSeries add(
      XYChart chart,
      ReportedRun run,
      String name,
      ToDoubleFunction<EpochMetrics> value,
      Color colour) {
    XYSeries series =
        chart.addSeries(
            name,
            run.epochs().stream().map(EpochMetrics::epoch).toList(),
            run.epochs().stream().map(value::applyAsDouble).toList());
    series.setLineColor(colour);
    // A single point would be no line.
    series.setMarker(run.epochs().size() == 1 ? SeriesMarkers.CIRCLE : SeriesMarkers.NONE);
    series.setMarkerColor(colour);
    return series;
  }
}
