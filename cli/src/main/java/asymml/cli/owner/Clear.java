package asymml.cli.owner;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// Writes in clear what was sealed.
final class Clear {
  private static final int BUFFER = 1 << 16;

  private Clear() {}

  /// Reads a part of what is sealed.
  interface Part {
    byte[] read(long position, int size) throws IOException;
  }

  /// Writes a new file.
  static void write(Part part, long size, Path target) throws IOException {
    try (OutputStream written = Files.newOutputStream(target, StandardOpenOption.CREATE_NEW)) {
      for (long at = 0; at < size; at += BUFFER) {
        written.write(part.read(at, (int) Math.min(BUFFER, size - at)));
      }
    }
  }
}
