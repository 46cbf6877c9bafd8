package asymml.trusted.data.format;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// The bytes of a file, which any number of threads may read at once.
public final class FileBytes implements Closeable {
  private final FileChannel channel;
  private final long size;

  private FileBytes(FileChannel channel) throws IOException {
    this.channel = channel;
    size = channel.size();
  }

  /// Opens a regular file.
  ///
  /// @param file on disk
  /// @return its bytes; closed by the caller
  /// @throws IOException if it cannot be read
  public static FileBytes open(Path file) throws IOException {
    FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
    try {
      return new FileBytes(channel);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  /// How long the file was when it was opened.
  ///
  /// @return bytes
  public long size() {
    return size;
  }

  /// A part of the file.
  ///
  /// @param from its first byte, at least 0
  /// @param length in bytes, at least 0
  /// @return a new array
  /// @throws IOException if it cannot be read
  /// @throws FormatException if the file ends before
  public byte[] read(long from, int length) throws IOException, FormatException {
    if (from > size - length) {
      throw new FormatException("is truncated; copy it again");
    }
    ByteBuffer buffer = ByteBuffer.allocate(length);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, from + buffer.position()) < 0) {
        throw new FormatException("became shorter while it was read; start again");
      }
    }
    return buffer.array();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
