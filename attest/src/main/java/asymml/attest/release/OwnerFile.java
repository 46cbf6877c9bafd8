package asymml.attest.release;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/// A file of ASCII lines that only its owner can read, and one process at a time appends to.
final class OwnerFile implements AutoCloseable {
  private final Path path;
  private final FileChannel channel;

  private OwnerFile(Path path, FileChannel channel) {
    this.path = path;
    this.channel = channel;
  }

  /// Opens a file, which is made if need be.
  ///
  /// @throws IOException one line, if it cannot be written, or another process uses it
  static OwnerFile open(Path path) throws IOException {
    FileChannel channel;
    try {
      channel =
          FileChannel.open(
              path,
              Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    } catch (NoSuchFileException e) {
      throw new ReleaseException("no such folder: " + path.toAbsolutePath().getParent(), e);
    } catch (IOException e) {
      throw new ReleaseException("cannot write " + path + ": " + e.getMessage(), e);
    }
    boolean locked = false;
    try {
      locked = channel.tryLock() != null;
      if (!locked) {
        throw new ReleaseException(path + " is in use by another process: name another file");
      }
      return new OwnerFile(path, channel);
    } catch (OverlappingFileLockException e) {
      throw new ReleaseException(path + " is in use already: name another file", e);
    } finally {
      if (!locked) {
        channel.close();
      }
    }
  }

  /// All that stands in it.
  String text() throws IOException {
    ByteBuffer all = ByteBuffer.allocate(Math.toIntExact(channel.size()));
    while (all.hasRemaining() && channel.read(all, all.position()) >= 0) {
      // Until all is read.
    }
    return new String(all.array(), StandardCharsets.US_ASCII);
  }

  /// Removes what stands behind a place.
  void cut(long size) throws IOException {
    channel.truncate(size);
  }

  /// Appends a line, after the end of one that was cut short; returns when it is on the disk.
  ///
  /// @throws IOException one line, if it cannot be written; nothing is added then
  void append(String line) throws IOException {
    try {
      long size = channel.size();
      ByteBuffer last = ByteBuffer.allocate(1);
      boolean torn = size > 0 && channel.read(last, size - 1) == 1 && last.get(0) != '\n';
      ByteBuffer bytes =
          ByteBuffer.wrap(((torn ? "\n" : "") + line + "\n").getBytes(StandardCharsets.US_ASCII));
      try {
        channel.position(size);
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
        channel.force(false);
      } catch (IOException e) {
        if (channel.isOpen()) {
          channel.truncate(size);
        }
        throw e;
      }
    } catch (ClosedChannelException e) {
      throw new ReleaseException(path + " is closed", e);
    } catch (IOException e) {
      throw new ReleaseException("%s: %s".formatted(path, e.getMessage()), e);
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
