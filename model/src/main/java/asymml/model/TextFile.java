package asymml.model;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/// Text files that are small by their kind, such as settings. A pipe is read like a file; a device
/// without an end, or a file of another kind, takes no memory.
public final class TextFile {
  /// The most bytes that are read.
  public static final int MOST_BYTES = 1 << 22;

  private TextFile() {}

  /// Reads a whole file.
  ///
  /// @param file in UTF-8
  /// @return its text
  /// @throws IOException one line that names the file, if it cannot be read, has more than
  ///   [#MOST_BYTES], or is not text in UTF-8
  public static String read(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(MOST_BYTES + 1);
      if (bytes.length > MOST_BYTES) {
        throw new IOException("larger than 4 MB, which no such file is");
      }
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (IOException e) {
      throw new IOException("cannot read %s: %s".formatted(file, FileReason.of(e)), e);
    }
  }
}
