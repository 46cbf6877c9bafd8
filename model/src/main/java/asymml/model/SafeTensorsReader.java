package asymml.model;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/// A safetensors file of any program, which may be damaged or hostile: every length is checked
/// against the file's real size before memory is taken for it, and only the tensors that are asked
/// for are read. It needs no digest. [SafeTensors#read] is for the files of this program.
///
/// Format: the safetensors project's README, section "Format".
public final class SafeTensorsReader implements AutoCloseable {
  private static final int CHUNK_BYTES = 1 << 20;

  private final Path file;
  private final FileChannel channel;
  private final Map<String, String> metadata;
  private final Map<String, SafeTensorsHeader.Entry> entries;
  private final long dataStart;

  private SafeTensorsReader(
      Path file, FileChannel channel, SafeTensorsHeader header, long dataStart) {
    this.file = file;
    this.channel = channel;
    this.metadata = Collections.unmodifiableMap(header.metadata());
    this.dataStart = dataStart;
    Map<String, SafeTensorsHeader.Entry> byName = new LinkedHashMap<>();
    header.entries().forEach(entry -> byName.put(entry.name(), entry));
    this.entries = Collections.unmodifiableMap(byName);
  }

  /// Opens a file and reads its header.
  ///
  /// @param file its path
  /// @return the open file, which the caller closes
  /// @throws IOException one line that names the file and what is wrong with it
  public static SafeTensorsReader open(Path file) throws IOException {
    // Opening a pipe or a device could block for ever.
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new IOException("cannot read model file " + file + ": it is not a regular file");
    }
    FileChannel channel;
    try {
      channel = FileChannel.open(file, StandardOpenOption.READ);
    } catch (FileSystemException e) {
      throw new IOException("cannot read model file " + file + ": " + FileReason.of(e), e);
    }
    try {
      SafeTensorsHeader header = SafeTensorsHeader.read(channel);
      return new SafeTensorsReader(file, channel, header, channel.position());
    } catch (IOException e) {
      try (channel) {
        throw broken(file, e);
      }
    }
  }

  private static IOException broken(Path file, IOException e) {
    return new IOException("cannot use model file " + file + ": " + FileReason.of(e), e);
  }

  /// The names of its tensors.
  ///
  /// @return in the order of their data
  public Set<String> names() {
    return entries.keySet();
  }

  /// What it says of itself.
  ///
  /// @return its metadata, sorted by key; empty if it has none
  public Map<String, String> metadata() {
    return metadata;
  }

  /// The axis lengths of a tensor.
  ///
  /// @param name one of [#names]
  /// @return a new array
  /// @throws IllegalArgumentException if there is no such tensor
  public int[] shape(String name) {
    return entry(name).axes();
  }

  /// Reads a tensor of type F64, F32, F16 or BF16.
  ///
  /// @param name one of [#names]
  /// @return its values as float32, row-major
  /// @throws IOException one line, if it has another type, is too large for an array, or cannot be
  ///   read
  /// @throws IllegalArgumentException if there is no such tensor
  public float[] read(String name) throws IOException {
    try {
      return read(entry(name));
    } catch (IOException e) {
      throw broken(file, e);
    }
  }

  private SafeTensorsHeader.Entry entry(String name) {
    SafeTensorsHeader.Entry entry = entries.get(name);
    if (entry == null) {
      throw new IllegalArgumentException("no such tensor: " + name);
    }
    return entry;
  }

  private float[] read(SafeTensorsHeader.Entry entry) throws IOException {
    if (!entry.type().isFloatingPoint()) {
      throw new IOException(
          "tensor %s is of type %s, not of floating-point numbers"
              .formatted(entry.name(), entry.type()));
    }
    float[] values = SafeTensors.array(entry);
    ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    long at = dataStart + entry.begin();
    int done = 0;
    while (done < values.length) {
      int count = Math.min(values.length - done, CHUNK_BYTES / entry.type().bytes());
      chunk.clear().limit(count * entry.type().bytes());
      while (chunk.hasRemaining()) {
        int length = channel.read(chunk, at);
        if (length < 0) {
          throw new EOFException("it became shorter while it was read");
        }
        at += length;
      }
      convert(entry.type(), chunk.flip(), values, done, count);
      done += count;
    }
    return values;
  }

  private static void convert(
      SafeTensorsHeader.Type type, ByteBuffer bytes, float[] values, int from, int count) {
    switch (type) {
      case F32 ->
          MemorySegment.copy(
              MemorySegment.ofBuffer(bytes),
              ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN),
              0,
              values,
              from,
              count);
      case F64 -> {
        for (int i = 0; i < count; i++) {
          values[from + i] = (float) bytes.getDouble();
        }
      }
      case F16 -> {
        for (int i = 0; i < count; i++) {
          values[from + i] = Float.float16ToFloat(bytes.getShort());
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          values[from + i] = Float.intBitsToFloat(bytes.getShort() << 16);
        }
      }
      case I64, I32, I16, I8, U8, BOOL ->
          throw new IllegalArgumentException("not of floating-point numbers: " + type);
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
