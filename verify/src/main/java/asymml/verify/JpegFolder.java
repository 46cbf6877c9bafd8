package asymml.verify;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;

/// Writes a data set of generated JPEG files, to measure how one is read: coloured waves with noise
/// in ten classes, `train/<class>/` and `test/<class>/`. Same arguments, same pixels.
///
/// It needs no other class: `java verify/src/main/java/asymml/verify/JpegFolder.java FOLDER TRAIN
/// TEST SIDE`.
public final class JpegFolder {
  private static final int CLASSES = 10;

  /// Enough that a file of 224 x 224 has some 15 KB, as photographs have.
  private static final int NOISE = 24;

  private JpegFolder() {}

  /// Writes the files.
  ///
  /// @param args the folder, training images, test images, and height and width in pixels
  /// @throws IOException if one cannot be written
  public static void main(String[] args) throws IOException {
    if (args.length != 4) {
      throw new IllegalArgumentException("arguments are FOLDER TRAIN TEST SIDE");
    }
    // One after the other in memory: without it each file goes through a file of its own.
    ImageIO.setUseCache(false);
    Path folder = Path.of(args[0]);
    int side = Integer.parseInt(args[3]);
    write(folder.resolve("train"), Integer.parseInt(args[1]), side, 1);
    write(folder.resolve("test"), Integer.parseInt(args[2]), side, 2);
  }

  private static void write(Path split, int images, int side, long seed) throws IOException {
    for (int label = 0; label < CLASSES; label++) {
      Files.createDirectories(split.resolve("c" + label));
    }
    IntStream.range(0, images)
        .parallel()
        .forEach(i -> {
          int label = i % CLASSES;
          Path file = split.resolve("c" + label).resolve(String.format(Locale.ROOT, "%06d.jpg", i));
          try {
            ImageIO.write(image(side, label, seed * 1_000_000_007L + i), "jpg", file.toFile());
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  private static BufferedImage image(int side, int label, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    BufferedImage image = new BufferedImage(side, side, BufferedImage.TYPE_INT_RGB);
    double turn = random.nextDouble(2 * Math.PI);
    double waves = 2 * Math.PI * (1 + label) / side;
    double[] phases = random.doubles(3, 0, 2 * Math.PI).toArray();
    for (int y = 0; y < side; y++) {
      for (int x = 0; x < side; x++) {
        double along = waves * (x * Math.cos(turn) + y * Math.sin(turn));
        int rgb = 0;
        for (double phase : phases) {
          int value = (int) (128 + 90 * Math.sin(along + phase)) + random.nextInt(-NOISE, NOISE);
          rgb = (rgb << 8) | Math.clamp(value, 0, 255);
        }
        image.setRGB(x, y, rgb);
      }
    }
    return image;
  }
}
