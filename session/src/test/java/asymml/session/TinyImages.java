package asymml.session;

import asymml.model.Shape;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;

/// Images of 8 x 8 pixels in two classes, dark and bright: a network trains on them in
/// milliseconds.
final class TinyImages {
  static final Shape SHAPE = new Shape(8, 8, 3);
  static final List<String> CLASSES = List.of("bright", "dark");

  private TinyImages() {}

  /// Pixels `[H, W, C]` of one image; another seed, other pixels.
  static byte[] pixels(Shape shape, int label, long seed) {
    byte[] pixels = new byte[shape.size()];
    Random random = new Random(seed * 31 + label);
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (byte) (random.nextInt(128) + (label == 0 ? 128 : 0));
    }
    return pixels;
  }

  static ImageSet images(Shape shape, int count, long seed) {
    byte[] all = new byte[count * shape.size()];
    for (int i = 0; i < count; i++) {
      System.arraycopy(pixels(shape, i % 2, seed + i), 0, all, i * shape.size(), shape.size());
    }
    return ImageSet.of(shape, CLASSES, IntStream.range(0, count).map(i -> i % 2).toArray(), all);
  }

  /// 24 training and 10 test images.
  static DataSet data() {
    ImageSet train = images(SHAPE, 24, 0);
    return new DataSet("tiny", train, images(SHAPE, 10, 1000), Normalization.of(train), true, 1);
  }

  /// Writes `<split>/<class>/<i>.png`.
  static Path folder(Path folder, int train, int test, long seed) throws IOException {
    write(folder.resolve("train"), train, seed);
    write(folder.resolve("test"), test, seed + 1000);
    return folder;
  }

  private static void write(Path split, int count, long seed) throws IOException {
    for (int i = 0; i < count; i++) {
      Path classFolder = Files.createDirectories(split.resolve(CLASSES.get(i % 2)));
      png(classFolder.resolve(i + ".png"), SHAPE, pixels(SHAPE, i % 2, seed + i));
    }
  }

  static Path png(Path file, Shape shape, byte[] pixels) throws IOException {
    BufferedImage image =
        new BufferedImage(shape.width(), shape.height(), BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < shape.height(); y++) {
      for (int x = 0; x < shape.width(); x++) {
        int at = (y * shape.width() + x) * 3;
        image.setRGB(
            x,
            y,
            (pixels[at] & 0xFF) << 16 | (pixels[at + 1] & 0xFF) << 8 | (pixels[at + 2] & 0xFF));
      }
    }
    ImageIO.write(image, "png", file.toFile());
    return file;
  }
}
