package asymml.cli;

import asymml.model.AtomicFile;
import java.awt.Color;
import java.awt.Font;
import java.awt.font.FontRenderContext;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.knowm.xchart.VectorGraphicsEncoder;
import org.knowm.xchart.VectorGraphicsEncoder.VectorGraphicsFormat;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.AxesChartStyler;
import org.knowm.xchart.style.Styler;

/// What all pictures have in common.
final class Charts {
  /// What to do on a machine without fonts.
  static final String NO_FONTS =
      "Java finds no fonts here; install fontconfig and a font, for example the packages fontconfig"
          + " and fonts-dejavu-core";

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

  /// Labels an axis of epochs at whole numbers only.
  static void wholeNumbers(AxesChartStyler styler) {
    styler.setxAxisTickLabelsFormattingFunction(
        x -> x == Math.rint(x) ? Long.toString(Math.round(x)) : "");
  }

  /// The line for a user whose machine has no fonts.
  static String noFonts(Path file) {
    return "asymml: %s is not drawn: %s".formatted(file, NO_FONTS);
  }

  /// Whether text can be drawn: Java measures it with the fonts of the machine. What it throws
  /// where there are none is documented nowhere: a bare Error without fonts, a RuntimeException
  /// without libfontconfig, link errors afterwards.
  static boolean hasFonts() {
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
