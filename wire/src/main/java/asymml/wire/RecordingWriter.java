package asymml.wire;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Writes what a worker receives and computes to a file of bounded size, which [Recording] reads.
///
/// Each event is on its way to the disk as a whole when [#append] returns. Where the next one would
/// not fit any more, the file ends with a mark that says so, and all later events are left out.
/// Nothing is ever read back or changed, so that the file may be a pipe. Not safe for use by
/// several threads.
public final class RecordingWriter implements AutoCloseable {
  /// Contents that are remembered to be stored once: more than the tensors of a step.
  private static final int REMEMBERED = 4096;

  private static final int PIECE_BYTES = 1 << 20;

  private final Path file;
  private final FileChannel channel;
  private final long limitBytes;
  private final MessageDigest digest;
  private final Map<ByteBuffer, Long> remembered = new LinkedHashMap<>();
  private final ByteBuffer block = littleEndian(RecordingFormat.BLOCK_BYTES);
  private long written;
  private long tensors;
  private long events;
  private boolean truncated;
  private boolean failed;
  private boolean closed;

  private RecordingWriter(Path file, FileChannel channel, long limitBytes) {
    this.file = file;
    this.channel = channel;
    this.limitBytes = limitBytes;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /// Begins a recording.
  ///
  /// @param file is created, for this user alone; it must not exist, or be a pipe or a device
  /// @param limitBytes the most bytes that it may have
  /// @param backend what computes, in one line
  /// @param precision its arithmetic, in one line
  /// @return a new writer; the caller closes it
  /// @throws IllegalArgumentException if the limit is too small for any event
  /// @throws IOException one line that names the file, if it cannot be created or written, or is
  ///   there already
  public static RecordingWriter create(Path file, long limitBytes, String backend, String precision)
      throws IOException {
    byte[] text = RecordingFormat.text(backend, precision).getBytes(StandardCharsets.UTF_8);
    long headerBytes = RecordingFormat.padded(RecordingFormat.MAGIC.length + 8L + text.length);
    if (limitBytes < headerBytes + 2 * RecordingFormat.BLOCK_BYTES) {
      throw new IllegalArgumentException(
          "a recording needs at least "
              + (headerBytes + 2 * RecordingFormat.BLOCK_BYTES)
              + " bytes: "
              + limitBytes);
    }
    ByteBuffer header = littleEndian((int) headerBytes);
    header.put(RecordingFormat.MAGIC).putInt(RecordingFormat.VERSION).putInt((int) headerBytes);
    header.put(text).rewind();
    RecordingWriter writer = new RecordingWriter(file, open(file), limitBytes);
    boolean begun = false;
    try {
      writer.write(header);
      begun = true;
      return writer;
    } finally {
      if (!begun) {
        writer.channel.close();
      }
    }
  }

  private static FileChannel open(Path file) throws IOException {
    try {
      // A pipe or a device is there already and is nobody's earlier recording.
      return Files.exists(file) && !Files.isRegularFile(file) && !Files.isDirectory(file)
          ? FileChannel.open(file, StandardOpenOption.WRITE)
          : FileChannel.open(
              file,
              EnumSet.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    } catch (IOException e) {
      throw unwritable(file, e);
    }
  }

  private static IOException unwritable(Path file, IOException e) {
    String reason =
        switch (e) {
          case FileAlreadyExistsException _ -> "it exists already";
          case NoSuchFileException _ -> "no such directory";
          case AccessDeniedException _ -> "permission denied";
          case FileSystemException f when f.getReason() != null -> f.getReason();
          default -> String.valueOf(e.getMessage());
        };
    return new IOException("cannot write the recording " + file + ": " + reason, e);
  }

  /// Writes an event, unless the limit was or is now reached.
  ///
  /// @param event its tensors are copied
  /// @throws IOException one line, if the file cannot be written; nothing more can be appended then
  /// @throws IllegalStateException after a failure or [#close]
  public void append(RecordedEvent event) throws IOException {
    if (failed || closed) {
      throw new IllegalStateException("the recording has ended");
    }
    if (truncated) {
      return;
    }
    List<MemorySegment> operands = event.tensors();
    ByteBuffer[] names = new ByteBuffer[operands.size()];
    Set<ByteBuffer> fresh = new LinkedHashSet<>();
    long needed = 2 * RecordingFormat.BLOCK_BYTES; // the event, and the mark at the end
    for (int i = 0; i < names.length; i++) {
      names[i] = name(operands.get(i));
      if (!remembered.containsKey(names[i]) && fresh.add(names[i])) {
        needed += RecordingFormat.BLOCK_BYTES + RecordingFormat.padded(operands.get(i).byteSize());
      }
    }
    if (needed > limitBytes - written) {
      truncated = true;
      writeEnd(RecordingFormat.TRUNCATED);
      return;
    }
    long[] numbers = new long[names.length];
    for (int i = 0; i < names.length; i++) {
      numbers[i] = store(names[i], operands.get(i));
    }
    writeBlock(event, numbers);
    events++;
  }

  /// What tells equal contents: the SHA-256 of length and bytes.
  private ByteBuffer name(MemorySegment tensor) {
    digest.update(littleEndian(Long.BYTES).putLong(tensor.byteSize()).rewind());
    for (long at = 0; at < tensor.byteSize(); at += PIECE_BYTES) {
      digest.update(piece(tensor, at));
    }
    return ByteBuffer.wrap(digest.digest());
  }

  private static ByteBuffer piece(MemorySegment tensor, long at) {
    return tensor.asSlice(at, Math.min(PIECE_BYTES, tensor.byteSize() - at)).asByteBuffer();
  }

  private long store(ByteBuffer name, MemorySegment tensor) throws IOException {
    Long known = remembered.remove(name);
    if (known == null) {
      begin(RecordingFormat.TENSOR, 0, 0).putLong(tensor.byteSize() / Float.BYTES);
      write(block.rewind());
      for (long at = 0; at < tensor.byteSize(); at += PIECE_BYTES) {
        write(piece(tensor, at));
      }
      write(littleEndian((int) (RecordingFormat.padded(tensor.byteSize()) - tensor.byteSize())));
      known = tensors++;
    }
    remembered.put(name, known); // as the youngest
    if (remembered.size() > REMEMBERED) {
      remembered.remove(remembered.keySet().iterator().next());
    }
    return known;
  }

  private void writeBlock(RecordedEvent event, long[] numbers) throws IOException {
    int type =
        switch (event) {
          case RecordedEvent.DefineOp _ -> RecordingFormat.DEFINE_OP;
          case RecordedEvent.LoadWeights _ -> RecordingFormat.LOAD_WEIGHTS;
          case RecordedEvent.Forward _ -> RecordingFormat.FORWARD;
          case RecordedEvent.BackwardData _ -> RecordingFormat.BACKWARD_DATA;
          case RecordedEvent.BackwardWeights _ -> RecordingFormat.BACKWARD_WEIGHTS;
          case RecordedEvent.Received e ->
              switch (e.what()) {
                case MOMENTUM -> RecordingFormat.MOMENTUM;
                case DIRECTIONS -> RecordingFormat.DIRECTIONS;
                case FACTOR -> RecordingFormat.FACTOR;
              };
        };
    begin(type, event.opId(), event.nanos());
    if (event instanceof RecordedEvent.DefineOp(long _, int _, OpDescriptor op)) {
      Codec.putOp(block, op);
    }
    for (long number : numbers) {
      block.putLong(number);
    }
    write(block.rewind());
  }

  private ByteBuffer begin(int type, int opId, long nanos) {
    block.clear().put(new byte[RecordingFormat.BLOCK_BYTES]).rewind();
    return block.putInt(type).putInt(opId).putLong(nanos);
  }

  private void writeEnd(long reason) throws IOException {
    begin(RecordingFormat.END, 0, 0).putLong(reason).putLong(events);
    write(block.rewind());
  }

  private void write(ByteBuffer bytes) throws IOException {
    boolean done = false;
    try {
      while (bytes.hasRemaining()) {
        written += channel.write(bytes);
      }
      done = true;
    } catch (IOException e) {
      throw unwritable(file, e);
    } finally {
      failed |= !done;
    }
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /// Whether the limit was reached.
  ///
  /// @return true if events were left out
  public boolean truncated() {
    return truncated;
  }

  /// Ends the recording, with a mark that it is complete unless it was cut off. May be called more
  /// than once.
  ///
  /// @throws IOException if the file cannot be written
  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    try (channel) {
      if (!failed && !truncated) {
        writeEnd(RecordingFormat.COMPLETE);
      }
    }
  }
}
