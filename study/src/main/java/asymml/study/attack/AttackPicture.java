package asymml.study.attack;

import asymml.analysis.Maps;
import asymml.model.AtomicFile;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Locale;
import javax.imageio.ImageIO;

/// Images, what the worker saw of them and what an attack made of that, one under the other.
/// PRIVATE: it shows private images.
///
/// @param attack which
/// @param layer whose input or gradient the worker saw
/// @param original pixels from 0 to 1 `[N, H, W, 1 or 3]`
/// @param seen what the worker saw, `[N, h, w, C]`, shown as its mean over channels
/// @param rebuilt pixels from 0 to 1, as original
/// @param psnr of all that was rebuilt, dB
record AttackPicture(
    AttackName attack, String layer, Maps original, Maps seen, Maps rebuilt, double psnr) {
  private static final int COLUMNS = 8;
  private static final int SIDE = 64;
  private static final int GAP = 4;

  private int columns() {
    return Math.min(COLUMNS, original.examples());
  }

  int width() {
    return columns() * (SIDE + GAP) + GAP;
  }

  int height() {
    return 3 * (SIDE + GAP) + GAP;
  }

  String caption() {
    return String.format(
        Locale.ROOT,
        "top: original; middle: what the worker saw of it (%s, mean over channels); bottom: rebuilt,"
            + " PSNR %.1f dB",
        layer,
        psnr);
  }

  /// Writes a PNG.
  void write(Path file) throws IOException {
    BufferedImage sheet = new BufferedImage(width(), height(), BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = sheet.createGraphics();
    graphics.setColor(Color.WHITE);
    graphics.fillRect(0, 0, width(), height());
    for (int i = 0; i < columns(); i++) {
      int x = GAP + i * (SIDE + GAP);
      graphics.drawImage(image(original, i), x, GAP, SIDE, SIDE, null);
      graphics.drawImage(image(grey(i), 0), x, 2 * GAP + SIDE, SIDE, SIDE, null);
      graphics.drawImage(image(rebuilt, i), x, 3 * GAP + 2 * SIDE, SIDE, SIDE, null);
    }
    graphics.dispose();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    if (!ImageIO.write(sheet, "png", bytes)) {
      throw new IOException("Java has no encoder for PNG here");
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes.toByteArray());
    AtomicFile.write(
        file,
        channel -> {
          while (buffer.hasRemaining()) {
            channel.write(buffer);
          }
        });
  }

  /// The mean over channels of what was seen of an example, from black to white.
  private Maps grey(int example) {
    Maps one = seen.slice(example, 1);
    float[] values = new float[one.positions()];
    float least = Float.POSITIVE_INFINITY;
    float most = Float.NEGATIVE_INFINITY;
    for (int p = 0; p < values.length; p++) {
      for (int c = 0; c < one.channels(); c++) {
        values[p] += one.values()[p * one.channels() + c] / one.channels();
      }
      least = Math.min(least, values[p]);
      most = Math.max(most, values[p]);
    }
    for (int p = 0; p < values.length; p++) {
      values[p] = most > least ? (values[p] - least) / (most - least) : 0.5f;
    }
    return new Maps(1, one.height(), one.width(), 1, values);
  }

  private static BufferedImage image(Maps maps, int example) {
    BufferedImage image =
        new BufferedImage(maps.width(), maps.height(), BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < maps.height(); y++) {
      for (int x = 0; x < maps.width(); x++) {
        int at = ((example * maps.height() + y) * maps.width() + x) * maps.channels();
        int rgb = 0;
        for (int c = 0; c < 3; c++) {
          float value = maps.values()[at + (maps.channels() < 3 ? 0 : c)];
          rgb = rgb << 8 | Math.round(255 * Math.clamp(value, 0f, 1f));
        }
        image.setRGB(x, y, rgb);
      }
    }
    return image;
  }
}
