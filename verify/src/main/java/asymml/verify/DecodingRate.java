package asymml.verify;

import asymml.kernels.ProcessorTime;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataLimits;
import asymml.trusted.data.DataSets;
import asymml.trusted.data.Decoding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/// How fast a data set of generated JPEG files ([JpegFolder]) is opened, which checks the header of
/// each and decodes it once, on all cores: images in a second of wall time and milliseconds of
/// processor time for an image, by height and width. None are kept in memory.
///
/// Arguments: sides in pixels.
public final class DecodingRate {
  /// Pixels of a data set: seconds of decoding, for which the compiler's share is small.
  private static final long PIXELS = 40_000_000;

  private static final int LEAST = 50;
  private static final int MOST = 20_000;
  private static final int TEST = 10;

  private DecodingRate() {}

  /// Measures in temporary folders, and removes them.
  ///
  /// @param sides height and width in pixels, one or more
  /// @throws IOException if files cannot be written
  /// @throws DataException if they cannot be read
  public static void main(String[] sides) throws IOException, DataException {
    for (String side : sides) {
      Path folder = Files.createTempDirectory("decoding-rate");
      try {
        measure(folder, Integer.parseInt(side));
      } finally {
        delete(folder);
      }
    }
  }

  private static void measure(Path folder, int side) throws IOException, DataException {
    int images = Math.clamp(PIXELS / ((long) side * side), LEAST, MOST);
    JpegFolder.main(
        new String[] {
          folder.toString(),
          Integer.toString(images),
          Integer.toString(TEST),
          Integer.toString(side)
        });
    open(folder);
    long processor = ProcessorTime.nanos();
    long began = System.nanoTime();
    open(folder);
    double seconds = (System.nanoTime() - began) / 1e9;
    double cpu = (ProcessorTime.nanos() - processor) / 1e6;
    System.out.printf(
        Locale.ROOT,
        "%s x %s: %.0f images/s, %.2f ms of processor time an image%n",
        side,
        side,
        (images + TEST) / seconds,
        cpu / (images + TEST));
  }

  private static void open(Path folder) throws DataException {
    DataSets.open(folder.toString(), new Decoding(DataLimits.DEFAULT, 0, 0, null), (_, _, _) -> {});
  }

  private static void delete(Path folder) throws IOException {
    List<Path> paths;
    try (Stream<Path> walk = Files.walk(folder)) {
      paths = walk.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : paths) {
      Files.delete(path);
    }
  }
}
