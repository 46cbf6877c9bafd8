package asymml.attest.seal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Reads a sealed file at any place. Memory is that of the chunks that were read last, a megabyte
/// of them and at least one; one thread at a time.
public final class SealedReader implements AutoCloseable {
  private static final int OPENED_BYTES = 1 << 20;

  private final Path file;
  private final FileChannel channel;
  private final SealHeader header;
  private final ChunkCipher cipher;
  private final int mostOpened;

  /// In the order of their last use.
  private final LinkedHashMap<Long, byte[]> opened = new LinkedHashMap<>(16, 0.75f, true);

  /// Opens a file and checks its header, its size and its last chunk.
  ///
  /// @param file sealed
  /// @param key of its owner
  /// @throws IOException one line, if it is no sealed file, of another key, cut or changed
  public SealedReader(Path file, DataKey key) throws IOException {
    this.file = file;
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new SealException(file + " is no sealed file: it is no regular file");
    }
    try {
      channel = FileChannel.open(file, StandardOpenOption.READ);
    } catch (NoSuchFileException e) {
      throw new SealException("no such file: " + file, e);
    }
    boolean complete = false;
    try {
      SealHeader fixed =
          SealHeader.fixed(bytes(0, (int) Math.min(SealHeader.FIXED, channel.size())));
      if (!Arrays.equals(fixed.keyId(), key.id())) {
        throw new SealException(
            "sealed under the data key %s, not under %s"
                .formatted(fixed.keyName(), HexFormat.of().formatHex(key.id())));
      }
      if (fixed.fileSize() != channel.size()) {
        throw new SealException(
            "%s bytes, expected %s: it was cut, or something was added"
                .formatted(channel.size(), fixed.fileSize()));
      }
      header = fixed.with(bytes(SealHeader.FIXED, fixed.metadata().length));
      cipher = new ChunkCipher(key, header);
      mostOpened = Math.max(1, OPENED_BYTES >> header.logChunk());
      // The header holds if a chunk does, and the end if the last one does.
      chunk(header.chunks() - 1);
      complete = true;
    } catch (SealException e) {
      throw e.getMessage() != null && e.getMessage().startsWith(file + ":")
          ? e
          : new SealException(file + ": " + e.getMessage(), e);
    } finally {
      if (!complete) {
        channel.close();
      }
    }
  }

  private byte[] bytes(long position, int size) throws IOException {
    ByteBuffer all = ByteBuffer.allocate(size);
    while (all.hasRemaining()) {
      if (channel.read(all, position + all.position()) < 0) {
        throw new SealException(file + ": cut short while it was read");
      }
    }
    return all.array();
  }

  /// What was sealed.
  ///
  /// @return by the header
  public SealKind kind() {
    return header.kind();
  }

  /// The size of the plaintext.
  ///
  /// @return bytes
  public long length() {
    return header.length();
  }

  /// What the header says in clear.
  ///
  /// @return a copy
  public byte[] metadata() {
    return header.metadata().clone();
  }

  private byte[] chunk(long number) throws IOException {
    byte @Nullable [] known = opened.get(number);
    if (known != null) {
      return known;
    }
    byte[] sealed = bytes(header.position(number), header.size(number) + SealHeader.TAG);
    byte[] plain;
    try {
      plain = cipher.open(number, sealed);
    } catch (SealException e) {
      throw new SealException(file + ": " + e.getMessage(), e);
    }
    if (opened.size() == mostOpened) {
      Arrays.fill(Objects.requireNonNull(opened.pollFirstEntry()).getValue(), (byte) 0);
    }
    opened.put(number, plain);
    return plain;
  }

  /// Reads bytes.
  ///
  /// @param position of the first in the plaintext
  /// @param size how many
  /// @return new
  /// @throws IOException one line, if a chunk does not hold
  /// @throws IndexOutOfBoundsException if the plaintext is shorter
  public byte[] read(long position, int size) throws IOException {
    Objects.checkFromIndexSize(position, size, header.length());
    byte[] result = new byte[size];
    int done = 0;
    while (done < size) {
      long at = position + done;
      byte[] plain = chunk(at >> header.logChunk());
      int from = (int) (at & (header.chunkSize() - 1));
      int part = Math.min(plain.length - from, size - done);
      System.arraycopy(plain, from, result, done, part);
      done += part;
    }
    return result;
  }

  @Override
  public void close() throws IOException {
    opened.values().forEach(plain -> Arrays.fill(plain, (byte) 0));
    opened.clear();
    channel.close();
  }
}
