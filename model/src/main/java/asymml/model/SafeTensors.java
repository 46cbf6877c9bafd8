package asymml.model;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Model files in the public safetensors format, so that other tools read what is trained here.
///
/// A file is: the header's length in bytes (8 bytes, little-endian), the header in JSON, and the
/// data of all tensors without gaps, little-endian. The header maps each tensor's name to
/// `{"dtype":"F32","shape":[..],"data_offsets":[begin,end]}` and `__metadata__` to a map of
/// strings. Only F32 is written and read; counters and the like are metadata.
///
/// The metadata also holds `sha256`, the SHA-256 of the data in lower-case hex. It finds damage; it
/// is no protection against somebody who rewrites both. Files without it are refused.
///
/// Data goes through a buffer of 1 MiB in both directions: writing needs no second copy of a model.
/// Format: the safetensors project's README, section "Format".
public final class SafeTensors {
  /// The metadata key of the data's digest; reserved.
  public static final String SHA256 = "sha256";

  private static final int CHUNK_BYTES = 1 << 20;
  private static final ValueLayout.OfFloat NATIVE = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ValueLayout.OfFloat LITTLE_ENDIAN =
      NATIVE.withOrder(ByteOrder.LITTLE_ENDIAN);

  private SafeTensors() {}

  /// What a file holds.
  ///
  /// @param metadata the file's metadata without `sha256`, sorted by key; unmodifiable
  /// @param tensors in the order of their data, in heap memory of their own; unmodifiable
  /// @param sha256 the verified digest of the data, lower-case hex
  public record Contents(Map<String, String> metadata, List<NamedTensor> tensors, String sha256) {
    /// Copies both collections.
    public Contents {
      metadata = Collections.unmodifiableMap(new TreeMap<>(metadata));
      tensors = List.copyOf(tensors);
    }
  }

  /// Writes a file atomically: the old one stands until the new one is complete and on disk.
  ///
  /// @param file its path; the directory must exist
  /// @param metadata any strings, without `sha256`
  /// @param tensors in the order their data is to have; names must differ
  /// @throws IOException one line that names the file and the reason; the old file is unchanged
  /// @throws IllegalArgumentException if two tensors have one name or the metadata has `sha256`
  public static void write(Path file, Map<String, String> metadata, List<NamedTensor> tensors)
      throws IOException {
    write(ClearStore.CLEAR, file, metadata, tensors);
  }

  /// The same in a store.
  ///
  /// @param store how it is stored
  /// @param file its path; the directory must exist
  /// @param metadata any strings, without `sha256`
  /// @param tensors in the order their data is to have; names must differ
  /// @throws IOException one line that names the file and the reason; the old file is unchanged
  /// @throws IllegalArgumentException if two tensors have one name or the metadata has `sha256`
  public static void write(
      PrivateStore store, Path file, Map<String, String> metadata, List<NamedTensor> tensors)
      throws IOException {
    if (metadata.containsKey(SHA256)) {
      throw new IllegalArgumentException("the metadata key " + SHA256 + " is reserved");
    }
    Map<String, String> stamped = new TreeMap<>(metadata);
    MessageDigest digest = sha256();
    eachChunk(tensors, digest::update);
    stamped.put(SHA256, HexFormat.of().formatHex(digest.digest()));
    SafeTensorsHeader header = SafeTensorsHeader.of(stamped, tensors);
    byte[] json = header.toBytes();
    if (json.length > SafeTensorsHeader.LONGEST_BYTES) {
      throw new IllegalArgumentException("a header of " + json.length + " bytes is too long");
    }
    store.replace(
        file,
        Long.BYTES + json.length + header.dataBytes(),
        channel -> {
          ByteBuffer prefix =
              ByteBuffer.allocate(Long.BYTES + json.length).order(ByteOrder.LITTLE_ENDIAN);
          writeFully(channel, prefix.putLong(json.length).put(json).flip());
          eachChunk(tensors, chunk -> writeFully(channel, chunk));
        });
  }

  /// What is done with a part of the data.
  private interface ChunkSink {
    void take(ByteBuffer chunk) throws IOException;
  }

  /// The data of all tensors in little-endian order, in one buffer after the other.
  private static void eachChunk(List<NamedTensor> tensors, ChunkSink sink) throws IOException {
    ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
    for (NamedTensor tensor : tensors) {
      MemorySegment values = tensor.values();
      for (long done = 0; done < values.byteSize(); done += CHUNK_BYTES) {
        int length = (int) Math.min(CHUNK_BYTES, values.byteSize() - done);
        chunk.clear().limit(length);
        MemorySegment.copy(
            values,
            NATIVE,
            done,
            MemorySegment.ofBuffer(chunk),
            LITTLE_ENDIAN,
            0,
            length / Float.BYTES);
        sink.take(chunk);
      }
    }
  }

  private static void writeFully(WritableByteChannel channel, ByteBuffer buffer)
      throws IOException {
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }

  /// Reads a file, which may be damaged or hostile: every length is checked against the file's real
  /// size before memory is taken for it.
  ///
  /// @param file its path
  /// @return its contents, newly allocated
  /// @throws IOException one line that names the file and what is wrong with it
  public static Contents read(Path file) throws IOException {
    return read(ClearStore.CLEAR, file);
  }

  /// The same from a store.
  ///
  /// @param store how it is stored
  /// @param file its path
  /// @return its contents, newly allocated
  /// @throws IOException one line that names the file and what is wrong with it
  public static Contents read(PrivateStore store, Path file) throws IOException {
    // Opening a pipe or a device could block for ever.
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new IOException("cannot read model file " + file + ": it is not a regular file");
    }
    try (SeekableByteChannel channel = store.open(file)) {
      return read(channel);
    } catch (FileSystemException e) {
      throw new IOException("cannot read model file " + file + ": " + FileReason.of(e), e);
    } catch (IOException e) {
      throw new IOException("cannot use model file " + file + ": " + FileReason.of(e), e);
    }
  }

  private static Contents read(SeekableByteChannel channel) throws IOException {
    SafeTensorsHeader header = SafeTensorsHeader.read(channel);
    for (SafeTensorsHeader.Entry entry : header.entries()) {
      if (entry.type() != SafeTensorsHeader.Type.F32) {
        throw new IOException("tensor " + entry.name() + " is not of type F32");
      }
    }
    Map<String, String> metadata = new TreeMap<>(header.metadata());
    String expected = metadata.remove(SHA256);
    if (expected == null) {
      throw new IOException("its metadata has no " + SHA256 + " to check the data with");
    }
    List<NamedTensor> tensors = allocate(header);
    if (!readData(channel, tensors).equals(expected)) {
      throw new IOException("its data is damaged: the " + SHA256 + " in its header does not match");
    }
    return new Contents(metadata, tensors, expected);
  }

  private static List<NamedTensor> allocate(SafeTensorsHeader header) throws IOException {
    List<NamedTensor> tensors = new ArrayList<>();
    for (SafeTensorsHeader.Entry entry : header.entries()) {
      tensors.add(NamedTensor.of(entry.name(), entry.axes(), array(entry)));
    }
    return tensors;
  }

  /// Room for a tensor's values.
  ///
  /// A large array is refused as a whole, after a collection and before any of it is touched, so
  /// this one error can be turned into advice; no guess at the free heap would be as exact.
  static float[] array(SafeTensorsHeader.Entry entry) throws IOException {
    long size = (entry.end() - entry.begin()) / entry.type().bytes();
    if (size > Integer.MAX_VALUE) {
      throw new IOException("tensor " + entry.name() + " has too many values: " + size);
    }
    try {
      return new float[(int) size];
    } catch (OutOfMemoryError e) {
      throw new IOException(
          "tensor "
              + entry.name()
              + entry.shape()
              + " does not fit into the memory of the JVM (-Xmx)",
          e);
    }
  }

  private static String readData(SeekableByteChannel channel, List<NamedTensor> tensors)
      throws IOException {
    MessageDigest digest = sha256();
    ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
    for (NamedTensor tensor : tensors) {
      MemorySegment values = tensor.values();
      for (long done = 0; done < values.byteSize(); done += CHUNK_BYTES) {
        int length = (int) Math.min(CHUNK_BYTES, values.byteSize() - done);
        readFully(channel, chunk.clear().limit(length));
        chunk.flip();
        digest.update(chunk.duplicate());
        MemorySegment.copy(
            MemorySegment.ofBuffer(chunk),
            LITTLE_ENDIAN,
            0,
            values,
            NATIVE,
            done,
            length / Float.BYTES);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  static void readFully(SeekableByteChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      if (channel.read(buffer) < 0) {
        throw new EOFException("it became shorter while it was read");
      }
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
