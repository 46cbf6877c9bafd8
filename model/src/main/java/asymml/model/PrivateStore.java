package asymml.model;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;

/// How files that hold or follow from private values are stored: in clear, or sealed under a key.
/// What writes and reads them is the same code.
public interface PrivateStore {
  /// What writes a file's content.
  @FunctionalInterface
  interface Body {
    /// Writes all of it.
    ///
    /// @param channel empty; not closed by this method
    /// @throws IOException if writing fails
    void writeTo(WritableByteChannel channel) throws IOException;
  }

  /// Whether the content is encrypted on the disk.
  ///
  /// @return false if whoever can read the files can read what they hold
  boolean isSealed();

  /// Writes or replaces a file as a whole or not at all, and to the disk.
  ///
  /// @param file its path; the directory must exist
  /// @param size of the content in bytes
  /// @param body writes as many
  /// @throws IOException one line that names the file and the reason; a file that was there before
  ///   is unchanged
  void replace(Path file, long size, Body body) throws IOException;

  /// Opens a file to read its content.
  ///
  /// @param file its path
  /// @return at its start, read-only; the caller closes it
  /// @throws IOException if it cannot be opened, or is not what this store wrote under that name
  SeekableByteChannel open(Path file) throws IOException;

  /// Writes or replaces a small file.
  ///
  /// @param file its path; the directory must exist
  /// @param content all of it
  /// @throws IOException as [#replace(Path, long, Body)]
  default void replace(Path file, byte[] content) throws IOException {
    replace(
        file,
        content.length,
        channel -> {
          ByteBuffer bytes = ByteBuffer.wrap(content);
          while (bytes.hasRemaining()) {
            channel.write(bytes);
          }
        });
  }

  /// Reads a small file.
  ///
  /// @param file its path
  /// @return its content
  /// @throws IOException one line that names the file and the reason
  default byte[] content(Path file) throws IOException {
    try (SeekableByteChannel channel = open(file)) {
      ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(channel.size()));
      while (bytes.hasRemaining()) {
        if (channel.read(bytes) < 0) {
          throw new EOFException("it became shorter while it was read");
        }
      }
      return bytes.array();
    } catch (IOException e) {
      throw new IOException("cannot read " + file + ": " + FileReason.of(e), e);
    }
  }
}
