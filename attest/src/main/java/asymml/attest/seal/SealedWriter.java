package asymml.attest.seal;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Arrays;

/// Writes one sealed file. Memory is that of two chunks. The file appears under its name only when
/// [#finish] has written all of it to the disk; closed before that, nothing remains.
public final class SealedWriter extends OutputStream {
  /// 64 KiB.
  private static final int LOG_CHUNK = 16;

  private final Path target;
  private final Path temporary;
  private final FileChannel channel;
  private final SealHeader header;
  private final ChunkCipher cipher;
  private final byte[] buffer;
  private int used;
  private long chunk;
  private boolean finished;

  /// Begins a file.
  ///
  /// @param target replaced at the end if it exists
  /// @param key of the owner
  /// @param random of the operating system
  /// @param kind what is sealed
  /// @param length of all that will be written, in bytes
  /// @param metadata public, at most 64 KiB
  /// @throws IOException if the folder cannot be written
  public SealedWriter(
      Path target, DataKey key, SecureRandom random, SealKind kind, long length, byte[] metadata)
      throws IOException {
    if (length < 0 || metadata.length > SealHeader.MOST_METADATA) {
      throw new IllegalArgumentException(
          "%s bytes with %s bytes of metadata cannot be sealed".formatted(length, metadata.length));
    }
    byte[] salt = new byte[SealHeader.SALT];
    byte[] fileId = new byte[SealHeader.FILE_ID];
    random.nextBytes(salt);
    random.nextBytes(fileId);
    header = new SealHeader(kind, LOG_CHUNK, key.id(), salt, fileId, 0, length, metadata.clone());
    cipher = new ChunkCipher(key, header);
    buffer = new byte[header.chunkSize()];
    this.target = replaced(target);
    temporary =
        Files.createTempFile(
            this.target.getParent(),
            ".sealing-",
            "",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    channel = FileChannel.open(temporary, StandardOpenOption.WRITE);
    put(header.encoded());
  }

  /// The file that is replaced: through a symbolic link, that which it leads to.
  private static Path replaced(Path target) throws IOException {
    if (!Files.exists(target) && !Files.isSymbolicLink(target)) {
      return target.toAbsolutePath();
    }
    if (!Files.isRegularFile(target)) {
      throw new SealException(target + " is no regular file: it cannot be replaced");
    }
    return target.toRealPath();
  }

  private void put(byte[] bytes) throws IOException {
    ByteBuffer all = ByteBuffer.wrap(bytes);
    while (all.hasRemaining()) {
      channel.write(all);
    }
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int size) throws IOException {
    int at = offset;
    while (at < offset + size) {
      if (used == buffer.length) {
        flushChunk();
      }
      int part = Math.min(buffer.length - used, offset + size - at);
      System.arraycopy(bytes, at, buffer, used, part);
      used += part;
      at += part;
    }
  }

  private void flushChunk() throws IOException {
    if (chunk >= header.chunks() || used != header.size(chunk)) {
      throw new SealException(
          "%s: other than the %s bytes that were announced".formatted(target, header.length()));
    }
    put(cipher.seal(chunk, buffer, used));
    chunk++;
    used = 0;
  }

  /// Seals the last chunk, writes all to the disk and gives the file its name.
  ///
  /// @throws IOException if fewer or more bytes came than announced, or writing fails
  public void finish() throws IOException {
    flushChunk();
    if (chunk != header.chunks()) {
      throw new SealException(
          "%s: fewer than the %s bytes that were announced".formatted(target, header.length()));
    }
    channel.force(true);
    channel.close();
    Files.move(
        temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    try (FileChannel folder = FileChannel.open(target.getParent(), StandardOpenOption.READ)) {
      folder.force(true);
    }
    finished = true;
  }

  @Override
  public void close() throws IOException {
    Arrays.fill(buffer, (byte) 0);
    channel.close();
    if (!finished) {
      Files.deleteIfExists(temporary);
    }
  }
}
