package asymml.serve;

import asymml.model.Shape;
import asymml.session.ResolvedRun;
import asymml.session.TrainingSession;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.plan.Mode;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;

/// A small model, trained for two epochs, and images for it.
final class ServedRun {
  static final Shape SHAPE = new Shape(8, 8, 3);
  static final List<String> CLASSES = List.of("bright", "dark");

  private ServedRun() {}

  /// Trains it.
  static Path train(Path directory) throws Exception {
    byte[] all = new byte[24 * SHAPE.size()];
    for (int i = 0; i < 24; i++) {
      System.arraycopy(pixels(i), 0, all, i * SHAPE.size(), SHAPE.size());
    }
    ImageSet images =
        ImageSet.of(SHAPE, CLASSES, IntStream.range(0, 24).map(i -> i % 2).toArray(), all);
    TrainingSpec spec =
        TrainingSpec.defaults()
            .withMode(Mode.TRUSTED_ONLY)
            .withBatchSize(6)
            .withEpochs(2)
            .withThreads(1);
    DataSet data = new DataSet("tiny", images, images, Normalization.of(images), true, 1);
    try (TrainingSession session =
        TrainingSession.create(ResolvedRun.of(spec, data, null), directory)) {
      session.train();
    }
    return directory;
  }

  /// Pixels `[H, W, C]` of an image, bright or dark by its number.
  static byte[] pixels(long number) {
    byte[] pixels = new byte[SHAPE.size()];
    Random random = new Random(number);
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (byte) (random.nextInt(128) + (number % 2 == 0 ? 128 : 0));
    }
    return pixels;
  }

  /// The same as a PNG file.
  static byte[] png(long number) throws IOException {
    return png(pixels(number), SHAPE.width(), SHAPE.height());
  }

  static byte[] png(byte[] pixels, int width, int height) throws IOException {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < width * height && 3 * i + 2 < pixels.length; i++) {
      int rgb =
          (pixels[3 * i] & 0xFF) << 16
              | (pixels[3 * i + 1] & 0xFF) << 8
              | (pixels[3 * i + 2] & 0xFF);
      image.setRGB(i % width, i / width, rgb);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ImageIO.write(image, "png", bytes);
    return bytes.toByteArray();
  }

  /// An inference request for one image.
  static String request(long number) {
    StringBuilder data = new StringBuilder();
    for (byte pixel : pixels(number)) {
      data.append(data.isEmpty() ? "" : ",").append(pixel & 0xFF);
    }
    return """
    {"id": "n%s", "inputs": [{"name": "pixels", "datatype": "UINT8",
      "shape": [1, 8, 8, 3], "data": [%s]}]}
    """
        .formatted(number, data);
  }
}
