package asymml.report;

import asymml.model.AtomicFile;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.font.FontRenderContext;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.CategorySeries;
import org.knowm.xchart.CategorySeries.CategorySeriesRenderStyle;
import org.knowm.xchart.VectorGraphicsEncoder;
import org.knowm.xchart.VectorGraphicsEncoder.VectorGraphicsFormat;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.AxesChartStyler;
import org.knowm.xchart.style.CategoryStyler;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/// What all pictures have in common.
public final class Charts {
  /// What to do on a machine without fonts.
  public static final String NO_FONTS =
      "Java finds no fonts here; install fontconfig and a font, for example the packages fontconfig"
          + " and fonts-dejavu-core";

  /// Apart in hue and in lightness.
  static final List<Color> COLOURS =
      List.of(
          new Color(0x1f, 0x4e, 0x8c),
          new Color(0xc2, 0x5a, 0x1a),
          new Color(0x2e, 0x84, 0x52),
          new Color(0x8a, 0x3f, 0x8f),
          new Color(0x8a, 0x6d, 0x10),
          new Color(0xb0, 0x2a, 0x45));

  /// The axis of [#onTheRight].
  static final int RIGHT = 1;

  private static final int WIDTH = 900;
  private static final int HEIGHT = 600;
  private static final Color GRID = new Color(0xe2, 0xe2, 0xe2);

  private Charts() {}

  /// Writes a picture as SVG, atomically; there must be fonts.
  ///
  /// @throws IOException if the file cannot be written
  static void write(Chart<?, ?> chart, Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(svg(chart).getBytes(StandardCharsets.UTF_8));
    AtomicFile.write(
        file,
        channel -> {
          while (bytes.hasRemaining()) {
            channel.write(bytes);
          }
        });
  }

  /// A picture as an SVG document; there must be fonts. Text stands in it as outlines.
  ///
  /// @throws IOException if it cannot be encoded
  static String svg(Chart<?, ?> chart) throws IOException {
    ByteArrayOutputStream svg = new ByteArrayOutputStream();
    VectorGraphicsEncoder.saveVectorGraphic(chart, svg, VectorGraphicsFormat.SVG);
    return svg.toString(StandardCharsets.UTF_8);
  }

  /// Plain paper, large type.
  static void style(AxesChartStyler styler) {
    styler.setChartBackgroundColor(Color.WHITE);
    styler.setPlotGridLinesColor(GRID);
    styler.setPlotGridVerticalLinesVisible(false);
    styler.setPlotBorderVisible(false);
    styler.setLegendLayout(Styler.LegendLayout.Vertical);
    styler.setLegendBorderColor(Color.WHITE);
    styler.setChartTitleFont(new Font(Font.SANS_SERIF, Font.BOLD, 16));
    styler.setAxisTitleFont(new Font(Font.SANS_SERIF, Font.PLAIN, 14));
    styler.setAxisTickLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 14));
    styler.setLegendFont(new Font(Font.SANS_SERIF, Font.PLAIN, 14));
  }

  /// A picture of lines over places that are named, not measured; its values begin at 0.
  static CategoryChart lines(String title, String x, String y) {
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .xAxisTitle(x)
            .yAxisTitle(y)
            .build();
    CategoryStyler styler = chart.getStyler();
    style(styler);
    styler.setDefaultSeriesRenderStyle(CategorySeriesRenderStyle.Line);
    styler.setOverlapped(true); // all series of a place at the same x
    styler.setYAxisMin(0.0);
    styler.setLegendPosition(Styler.LegendPosition.OutsideS);
    styler.setMarkerSize(8);
    return chart;
  }

  /// Draws a series as a line with dots.
  ///
  /// @return the series
  static CategorySeries line(CategorySeries series, Color colour, float width) {
    series.setLineColor(colour);
    series.setLineStyle(new BasicStroke(width));
    series.setMarker(SeriesMarkers.CIRCLE);
    series.setMarkerColor(colour);
    return series;
  }

  /// Gives a series an axis of its own, from 0 up, and other dots.
  static void onTheRight(CategoryChart chart, CategorySeries series, String axis) {
    series.setMarker(SeriesMarkers.DIAMOND);
    series.setYAxisGroup(RIGHT);
    chart.setYAxisGroupTitle(RIGHT, axis);
    chart.getStyler().setYAxisGroupPosition(RIGHT, Styler.YAxisPosition.Right);
    chart.getStyler().setYAxisMin(RIGHT, 0.0);
  }

  /// Labels an axis of epochs at whole numbers only.
  static void wholeNumbers(AxesChartStyler styler) {
    styler.setxAxisTickLabelsFormattingFunction(
        x -> x == Math.rint(x) ? Long.toString(Math.round(x)) : "");
  }

  /// The line for a user whose machine has no fonts.
  ///
  /// @param file that is missing therefore
  /// @return one line
  public static String noFonts(Path file) {
    return "asymml: %s is not drawn: %s".formatted(file, NO_FONTS);
  }

  /// Whether text can be drawn: Java measures it with the fonts of the machine. What it throws
  /// where there are none is documented nowhere: a bare Error without fonts, a RuntimeException
  /// without libfontconfig, link errors afterwards.
  ///
  /// @return whether charts can be drawn
  public static boolean hasFonts() {
    try {
      new Font(Font.SANS_SERIF, Font.PLAIN, 14)
          .getStringBounds("x", new FontRenderContext(null, true, true));
      return true;
    } catch (OutOfMemoryError e) {
      throw e;
    } catch (RuntimeException | Error e) {
      return false;
    }
  }
}
