package asymml.attest.source;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/// Reads files whose sizes mean nothing, up to a bound.
final class BoundedFile {
  /// Certificate tables are the largest, with a few kilobytes.
  private static final int MOST_BYTES = 1 << 20;

  private BoundedFile() {}

  static byte[] read(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(MOST_BYTES);
      if (in.read() >= 0) {
        throw new IOException("%s has more than %s bytes".formatted(file, MOST_BYTES));
      }
      return bytes;
    }
  }
}
