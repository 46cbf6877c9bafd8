package asymml.trusted.data;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.imageio.ImageIO;

/// Small image files for tests.
final class SampleFiles {
  static final Progress SILENT = (what, done, total) -> {};

  private SampleFiles() {}

  /// An image of one colour but for its top left pixel, which is black.
  static BufferedImage image(int width, int height, int type, int rgb) {
    BufferedImage image = new BufferedImage(width, height, type);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        image.setRGB(x, y, rgb);
      }
    }
    image.setRGB(0, 0, 0xFF000000);
    return image;
  }

  static byte[] encode(BufferedImage image, String format) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      if (!ImageIO.write(image, format, out)) {
        throw new IllegalStateException("no writer of " + format + " takes this image");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  static byte[] png(int width, int height, int rgb) {
    return encode(image(width, height, BufferedImage.TYPE_INT_RGB, rgb), "png");
  }

  static byte[] jpeg(int width, int height, int rgb) {
    return encode(image(width, height, BufferedImage.TYPE_INT_RGB, rgb), "jpeg");
  }

  static byte[] grayPng(int width, int height, int level) {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_BYTE_GRAY);
    image.getRaster().setSamples(0, 0, width, height, 0, filled(width * height, level));
    return encode(image, "png");
  }

  static int[] filled(int size, int value) {
    int[] values = new int[size];
    Arrays.fill(values, value);
    return values;
  }

  static Path write(Path root, String path, byte[] content) throws IOException {
    Path file = root.resolve(path);
    Files.createDirectories(file.getParent());
    return Files.write(file, content);
  }

  /// Two classes, two training images and one test image each, 6 pixels wide and 4 high.
  static Path folder(Path root) throws IOException {
    write(root, "train/cat/1.png", png(6, 4, 0xFFFF0000));
    write(root, "train/cat/2.JPG", jpeg(6, 4, 0xFF808080));
    write(root, "train/dog/1.png", png(6, 4, 0xFF00FF00));
    write(root, "train/dog/2.jpeg", jpeg(6, 4, 0xFFFFFFFF));
    write(root, "test/cat/1.png", png(6, 4, 0xFF0000FF));
    write(root, "test/dog/1.png", png(6, 4, 0xFF010203));
    return root;
  }

  /// Zips a folder under a prefix, stored or deflated.
  static Path zip(Path root, Path file, String prefix, int method) throws IOException {
    List<Path> files;
    try (Stream<Path> walk = Files.walk(root)) {
      files = walk.filter(Files::isRegularFile).sorted().toList();
    }
    try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(file))) {
      for (Path each : files) {
        byte[] content = Files.readAllBytes(each);
        ZipEntry entry = new ZipEntry(prefix + root.relativize(each));
        entry.setMethod(method);
        if (method == ZipEntry.STORED) {
          CRC32 checksum = new CRC32();
          checksum.update(content);
          entry.setCrc(checksum.getValue());
          entry.setSize(content.length);
        }
        out.putNextEntry(entry);
        out.write(content);
        out.closeEntry();
      }
    }
    return file;
  }

  static byte[] pixels(ImageSet images, int index) {
    byte[] pixels = new byte[images.shape().size()];
    images.pixels(index, pixels);
    return pixels;
  }
}
