package asymml.verify;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import javax.imageio.ImageIO;

/// Recognisable images for an owner to seal, and what to look for afterwards.
///
/// @param images the folder
/// @param canaries what must not be found, by what it is
public record SealedImagesFolder(Path images, Map<String, byte[]> canaries) {
  /// Names of the classes.
  public static final List<String> CLASSES = List.of("canary-class-wren", "canary-class-finch");

  private static final int SIDE = 8;
  private static final long SEED = 5;

  /// Draws two classes, dark and bright.
  ///
  /// @param images made
  /// @param train training images
  /// @param test test images
  /// @return the folder
  /// @throws IOException if it cannot be written
  public static SealedImagesFolder draw(Path images, int train, int test) throws IOException {
    Map<String, byte[]> canaries = new LinkedHashMap<>();
    Random random = new Random(SEED);
    for (int i = 0; i < train + test; i++) {
      Path folder =
          Files.createDirectories(
              images.resolve(i < train ? "train" : "test").resolve(CLASSES.get(i % 2)));
      Path file = folder.resolve("canary-file-" + i + ".png");
      BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
      byte[] row = new byte[SIDE * 3];
      for (int p = 0; p < SIDE * SIDE; p++) {
        int colour = 0;
        for (int c = 0; c < 3; c++) {
          int value = random.nextInt(128) + (i % 2 == 0 ? 128 : 0);
          colour = colour << 8 | value;
          if (p < SIDE) {
            row[3 * p + c] = (byte) value;
          }
        }
        image.setRGB(p % SIDE, p / SIDE, colour);
      }
      ImageIO.write(image, "png", file.toFile());
      canaries.put("pixels " + i, row);
      byte[] png = Files.readAllBytes(file);
      canaries.put("file " + i, Arrays.copyOfRange(png, 33, png.length - 12));
    }
    for (String name : List.of("canary-class", "canary-file")) {
      canaries.put(name, name.getBytes(StandardCharsets.UTF_8));
    }
    return new SealedImagesFolder(images, canaries);
  }

  /// The names of those that are in bytes.
  ///
  /// @param bytes to search
  /// @return what was found
  public Stream<String> in(byte[] bytes) {
    // Bytes as characters: a search without a copy of each window.
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    return canaries.entrySet().stream()
        .filter(c -> text.contains(new String(c.getValue(), StandardCharsets.ISO_8859_1)))
        .map(Map.Entry::getKey);
  }

  /// Files below a folder that hold one of them.
  ///
  /// @param folder or a file
  /// @return the files, and what was found
  /// @throws IOException if one cannot be read
  public List<String> foundBelow(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(Files::isRegularFile)
          .flatMap(file -> {
            try {
              return in(Files.readAllBytes(file)).map(what -> file + ": " + what);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          })
          .toList();
    }
  }
}
