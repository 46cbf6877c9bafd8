package asymml.report;

import asymml.trusted.rank.Figures;
import asymml.trusted.rank.LayerRanks;
import asymml.trusted.rank.RankReport;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.geom.AffineTransform;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.CategorySeries;
import org.knowm.xchart.CategorySeries.CategorySeriesRenderStyle;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.AxesChartStyler;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/// Analyses of ranks as one picture: effective channels by layer, singular spectra, and where there
/// are several epochs, how they move.
public final class RankChart {
  private static final int WIDTH = 1000;
  private static final int HEIGHT = 560;

  /// Shares of the spectrum below this are not drawn.
  private static final double SMALLEST_SHARE = 1e-5;

  private static final Color CHANNELS = new Color(0x8c, 0x8c, 0x8c);
  private static final Color INPUT = new Color(0x1f, 0x4e, 0x8c);
  private static final Color OUTPUT = new Color(0x3a, 0x8f, 0x5c);
  private static final Color GRADIENT = new Color(0xc2, 0x5a, 0x1a);

  private RankChart() {}

  /// Several charts below each other, for an encoder that takes one.
  private static final class Sheet extends XYChart {
    private final List<Chart<? extends AxesChartStyler, ?>> charts;

    Sheet(List<Chart<? extends AxesChartStyler, ?>> charts) {
      super(WIDTH, HEIGHT * charts.size());
      this.charts = charts;
    }

    @Override
    public void paint(Graphics2D g, int width, int height) {
      for (int i = 0; i < charts.size(); i++) {
        AffineTransform before = g.getTransform();
        g.translate(0, HEIGHT * i);
        charts.get(i).paint(g, WIDTH, HEIGHT);
        g.setTransform(before);
        g.setClip(null);
      }
    }
  }

  /// Writes the picture as SVG, atomically; there must be fonts.
  ///
  /// @param reports at least one, by epoch
  /// @param model the network's name
  /// @param file to write
  /// @throws IOException if the file cannot be written
  public static void write(List<RankReport> reports, String model, Path file) throws IOException {
    Charts.write(new Sheet(charts(reports, model, WIDTH)), file);
  }

  /// The charts: effective channels by layer, spectra, and with several epochs their course.
  ///
  /// @param reports at least one, by epoch
  /// @param model the network's name
  /// @param width of the charts that have no axis of layers
  static List<Chart<? extends AxesChartStyler, ?>> charts(
      List<RankReport> reports, String model, int width) {
    RankReport last = reports.getLast();
    List<Chart<? extends AxesChartStyler, ?>> charts =
        new ArrayList<>(List.of(effective(last, model), spectra(last, width)));
    if (reports.size() > 1) {
      charts.add(course(reports, width));
    }
    return charts;
  }

  private static CategoryChart effective(RankReport report, String model) {
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(
                "Effective channels by layer: %s after epoch %s (private statistics)"
                    .formatted(model, report.epoch()))
            .yAxisTitle("2^mu, median over images")
            .build();
    style(chart.getStyler());
    chart.getStyler().setDefaultSeriesRenderStyle(CategorySeriesRenderStyle.Line);
    chart.getStyler().setOverlapped(true); // all series of a layer at the same x
    chart.getStyler().setXAxisLabelRotation(90);
    chart.getStyler().setYAxisMin(0.0);
    chart.getStyler().setLegendPosition(Styler.LegendPosition.OutsideS);
    chart.getStyler().setLegendLayout(Styler.LegendLayout.Horizontal);
    List<String> names = report.layers().stream().map(LayerRanks::layer).toList();
    add(
        chart,
        names,
        "the most that X can have, min(C, P)",
        report.layers().stream()
            .map(l -> l.x() == null ? Double.NaN : (double) l.x().spectrum().size())
            .toList(),
        CHANNELS);
    add(chart, names, "input X", values(report, LayerRanks::x), INPUT);
    add(chart, names, "output Y", values(report, LayerRanks::y), OUTPUT);
    add(chart, names, "output gradient dY", values(report, LayerRanks::dy), GRADIENT);
    return chart;
  }

  private static List<Double> values(
      RankReport report, Function<LayerRanks, @Nullable Figures> which) {
    return report.layers().stream()
        .map(l -> {
          Figures figures = which.apply(l);
          return figures == null ? Double.NaN : figures.effective();
        })
        .toList();
  }

  private static void add(
      CategoryChart chart, List<String> names, String name, List<Double> values, Color colour) {
    CategorySeries series = chart.addSeries(name, names, values);
    series.setLineColor(colour);
    series.setLineStyle(new BasicStroke(2f));
    series.setMarker(SeriesMarkers.CIRCLE);
    series.setMarkerColor(colour);
  }

  private static XYChart spectra(RankReport report, int width) {
    XYChart chart =
        lines("Singular spectra of the inputs, mean over images", "j", "p_j = s_j / sum s", width);
    chart.getStyler().setYAxisLogarithmic(true);
    chart.getStyler().setYAxisDecimalPattern("0E0");
    chart.getStyler().setXAxisTickMarkSpacingHint(width / 9);
    int count = report.layers().size();
    for (int i = 0; i < count; i++) {
      LayerRanks layer = report.layers().get(i);
      if (layer.x() != null) {
        List<Double> drawn =
            layer.x().spectrum().stream().filter(p -> p >= SMALLEST_SHARE).toList();
        List<Integer> places = new ArrayList<>();
        for (int j = 1; j <= drawn.size(); j++) {
          places.add(j);
        }
        add(chart, layer.layer(), places, drawn, colour(i, count));
      }
    }
    return chart;
  }

  private static XYChart course(List<RankReport> reports, int width) {
    XYChart chart = lines("Effective channels of the inputs over epochs", "epoch", "2^mu", width);
    chart.getStyler().setYAxisMin(0.0);
    Charts.wholeNumbers(chart.getStyler());
    int count = reports.getLast().layers().size();
    for (int i = 0; i < count; i++) {
      String name = reports.getLast().layers().get(i).layer();
      List<Integer> epochs = new ArrayList<>();
      List<Double> effective = new ArrayList<>();
      for (RankReport report : reports) {
        for (LayerRanks layer : report.layers()) {
          if (layer.layer().equals(name) && layer.x() != null) {
            epochs.add(report.epoch());
            effective.add(layer.x().effective());
          }
        }
      }
      if (!epochs.isEmpty()) {
        add(chart, name, epochs, effective, colour(i, count));
      }
    }
    return chart;
  }

  private static XYChart lines(String title, String x, String y, int width) {
    XYChart chart =
        new XYChartBuilder()
            .width(width)
            .height(Math.multiplyExact(width, HEIGHT) / WIDTH)
            .title(title)
            .xAxisTitle(x)
            .yAxisTitle(y)
            .build();
    style(chart.getStyler());
    chart.getStyler().setLegendPosition(Styler.LegendPosition.OutsideE);
    return chart;
  }

  private static void add(
      XYChart chart, String name, List<Integer> x, List<Double> y, Color colour) {
    XYSeries series = chart.addSeries(name, x, y);
    series.setLineColor(colour);
    series.setLineStyle(new BasicStroke(1.6f));
    // A single point would be no line.
    series.setMarker(x.size() == 1 ? SeriesMarkers.CIRCLE : SeriesMarkers.NONE);
    series.setMarkerColor(colour);
  }

  /// From blue, the first layer, over purple to orange, the last: all of middling lightness, to be
  /// seen on light and, inverted, on dark paper.
  private static Color colour(int layer, int layers) {
    double depth = layers == 1 ? 1 : (double) layer / (layers - 1);
    return Color.getHSBColor((float) (0.59 + 0.47 * depth), 0.75f, (float) (0.60 + 0.16 * depth));
  }

  private static void style(AxesChartStyler styler) {
    Charts.style(styler);
    styler.setMarkerSize(6);
    styler.setAxisTickLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
    styler.setLegendFont(new Font(Font.SANS_SERIF, Font.PLAIN, 11));
  }
}
