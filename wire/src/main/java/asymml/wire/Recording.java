package asymml.wire;

import asymml.wire.RecordedEvent.Held;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// A worker's recording: all that an adversary in its place has seen. The file is mapped, not read
/// into memory; tensors are read-only views of it.
///
/// Whatever the file holds, it gives events that fit together or an [IOException]: every operation
/// is defined before it is used, and every tensor has the size that its operation says.
public final class Recording implements AutoCloseable {
  /// How a recording ends.
  public enum Ending {
    /// With the worker: nothing is missing.
    COMPLETE,
    /// At the limit of its size: later events are missing.
    TRUNCATED,
    /// In the middle: the worker was killed, or could not write. Later events may be missing.
    CUT_OFF
  }

  private final Path file;
  private final Arena arena;
  private final MemorySegment bytes;
  private final String description;
  private final List<RecordedEvent> events = new ArrayList<>();
  private final List<MemorySegment> tensors = new ArrayList<>();
  private final Map<Integer, OpDescriptor> ops = new HashMap<>();
  private Ending ending = Ending.CUT_OFF;

  private Recording(Path file, Arena arena, MemorySegment bytes) throws IOException {
    this.file = file;
    this.arena = arena;
    this.bytes = bytes;
    long at = headerBytes();
    description = description(at);
    boolean more = true;
    while (more && at + RecordingFormat.BLOCK_BYTES <= bytes.byteSize()) {
      long next = at + RecordingFormat.BLOCK_BYTES + valueBytes(at);
      more = next <= bytes.byteSize() && readBlock(at);
      at = next;
    }
    if (ending != Ending.CUT_OFF && at != bytes.byteSize()) {
      throw damaged(at, "has bytes after its end");
    }
  }

  /// Opens a recording.
  ///
  /// @param file that [RecordingWriter] wrote, to its end or not
  /// @return its contents; the caller closes it, and the tensors with it
  /// @throws IOException one line, if it cannot be read or is not a whole number of sound blocks
  @SuppressWarnings("MustBeClosedChecker") // the recording closes it
  public static Recording open(Path file) throws IOException {
    Arena arena = Arena.ofShared(); // tensors may be read by worker threads of kernels
    boolean opened = false;
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      Recording recording =
          new Recording(
              file, arena, channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena));
      opened = true;
      return recording;
    } catch (FileSystemException e) {
      throw new IOException(
          "cannot read the recording "
              + file
              + ": "
              + (e.getReason() == null ? "no such file, or no permission" : e.getReason()),
          e);
    } finally {
      if (!opened) {
        arena.close();
      }
    }
  }

  private long headerBytes() throws IOException {
    int fixed = RecordingFormat.MAGIC.length + 8;
    if (bytes.byteSize() < fixed
        || !Arrays.equals(
            bytes.asSlice(0, RecordingFormat.MAGIC.length).toArray(ValueLayout.JAVA_BYTE),
            RecordingFormat.MAGIC)) {
      throw new IOException(file + " is not a worker's recording");
    }
    int version = bytes.get(RecordingFormat.INT, RecordingFormat.MAGIC.length);
    if (version != RecordingFormat.VERSION) {
      throw new IOException(
          file
              + " is a recording of version "
              + version
              + ", this program reads version "
              + RecordingFormat.VERSION);
    }
    int size = bytes.get(RecordingFormat.INT, RecordingFormat.MAGIC.length + 4);
    if (size < fixed
        || size > RecordingFormat.MAX_HEADER_BYTES
        || size % RecordingFormat.BLOCK_BYTES != 0
        || size > bytes.byteSize()) {
      throw damaged(0, "has a header of " + size + " bytes");
    }
    return size;
  }

  private String description(long headerBytes) {
    int from = RecordingFormat.MAGIC.length + 8;
    byte[] text = bytes.asSlice(from, headerBytes - from).toArray(ValueLayout.JAVA_BYTE);
    int length = 0;
    while (length < text.length && text[length] != 0) {
      length++;
    }
    return new String(text, 0, length, StandardCharsets.UTF_8);
  }

  private IOException damaged(long at, String how) {
    return new IOException(file + " is damaged: at byte " + at + " it " + how);
  }

  /// The size of what follows a block.
  private long valueBytes(long at) throws IOException {
    if (type(at) != RecordingFormat.TENSOR) {
      return 0;
    }
    long floats = argument(at, 0);
    if (floats < 1 || floats > OpDescriptor.MAX_FLOATS) {
      throw damaged(at, "has a tensor of " + floats + " values");
    }
    return RecordingFormat.padded(floats * Float.BYTES);
  }

  private int type(long at) {
    return bytes.get(RecordingFormat.INT, at);
  }

  private long argument(long at, int index) {
    return bytes.get(
        RecordingFormat.LONG, at + RecordingFormat.ARGUMENTS_AT + (long) index * Long.BYTES);
  }

  /// Reads a block that is there as a whole.
  ///
  /// @return whether others may follow
  private boolean readBlock(long at) throws IOException {
    int opId = bytes.get(RecordingFormat.INT, at + 4);
    long nanos = bytes.get(RecordingFormat.LONG, at + 8);
    switch (type(at)) {
      case RecordingFormat.TENSOR -> {
        long floats = argument(at, 0);
        tensors.add(bytes.asSlice(at + RecordingFormat.BLOCK_BYTES, floats * Float.BYTES));
      }
      case RecordingFormat.DEFINE_OP -> {
        OpDescriptor op = op(at);
        if (ops.putIfAbsent(opId, op) != null) {
          throw damaged(at, "defines op " + opId + " again");
        }
        events.add(new RecordedEvent.DefineOp(nanos, opId, op));
      }
      case RecordingFormat.LOAD_WEIGHTS ->
          events.add(
              new RecordedEvent.LoadWeights(
                  nanos, opId, tensor(at, 0, defined(at, opId).weightFloats())));
      case RecordingFormat.FORWARD -> {
        OpDescriptor op = defined(at, opId);
        events.add(
            new RecordedEvent.Forward(
                nanos, opId, tensor(at, 0, op.inputFloats()), tensor(at, 1, op.outputFloats())));
      }
      case RecordingFormat.BACKWARD_DATA -> {
        OpDescriptor op = defined(at, opId);
        events.add(
            new RecordedEvent.BackwardData(
                nanos, opId, tensor(at, 0, op.outputFloats()), tensor(at, 1, op.inputFloats())));
      }
      case RecordingFormat.BACKWARD_WEIGHTS -> {
        OpDescriptor op = defined(at, opId);
        events.add(
            new RecordedEvent.BackwardWeights(
                nanos,
                opId,
                tensor(at, 0, op.inputFloats()),
                tensor(at, 1, op.outputFloats()),
                tensor(at, 2, op.weightFloats())));
      }
      case RecordingFormat.MOMENTUM -> addReceived(at, nanos, opId, Held.MOMENTUM);
      case RecordingFormat.DIRECTIONS -> addReceived(at, nanos, opId, Held.DIRECTIONS);
      case RecordingFormat.FACTOR -> addReceived(at, nanos, opId, Held.FACTOR);
      case RecordingFormat.END -> {
        readEnd(at);
        return false;
      }
      default -> throw damaged(at, "has a block of unknown type " + type(at));
    }
    return true;
  }

  private void addReceived(long at, long nanos, int opId, Held what) throws IOException {
    OpDescriptor op = defined(at, opId);
    MemorySegment values = tensor(at, 0);
    long floats = values.byteSize() / Float.BYTES;
    boolean fits =
        switch (what) {
          case MOMENTUM -> floats == op.weightFloats();
          case DIRECTIONS -> floats % op.inChannels() == 0;
          case FACTOR -> floats % (op.weightFloats() / op.inChannels()) == 0;
        };
    if (!fits) {
      throw damaged(at, "has a tensor that does not fit its op");
    }
    events.add(new RecordedEvent.Received(nanos, opId, what, values));
  }

  private void readEnd(long at) throws IOException {
    long reason = argument(at, 0);
    if ((reason != RecordingFormat.COMPLETE && reason != RecordingFormat.TRUNCATED)
        || argument(at, 1) != events.size()) {
      throw damaged(at, "ends with a mark that does not fit what comes before");
    }
    ending = reason == RecordingFormat.COMPLETE ? Ending.COMPLETE : Ending.TRUNCATED;
  }

  private OpDescriptor op(long at) throws IOException {
    int[] n = new int[9];
    for (int i = 0; i < n.length; i++) {
      n[i] =
          bytes.get(
              RecordingFormat.INT, at + RecordingFormat.ARGUMENTS_AT + (long) i * Integer.BYTES);
    }
    try {
      return new OpDescriptor(n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8]);
    } catch (IllegalArgumentException e) {
      throw damaged(at, "defines an impossible op: " + e.getMessage());
    }
  }

  private OpDescriptor defined(long at, int opId) throws IOException {
    OpDescriptor op = ops.get(opId);
    if (op == null) {
      throw damaged(at, "uses op " + opId + ", which is not defined");
    }
    return op;
  }

  private MemorySegment tensor(long at, int index) throws IOException {
    long number = argument(at, index);
    if (number < 0 || number >= tensors.size()) {
      throw damaged(at, "names tensor " + number + " of " + tensors.size());
    }
    return tensors.get((int) number);
  }

  private MemorySegment tensor(long at, int index, long floats) throws IOException {
    MemorySegment tensor = tensor(at, index);
    if (tensor.byteSize() != floats * Float.BYTES) {
      throw damaged(at, "has a tensor that does not fit its op");
    }
    return tensor;
  }

  /// What the file says of itself: its format, backend and precision.
  ///
  /// @return lines
  public String description() {
    return description;
  }

  /// What computed.
  ///
  /// @return as the worker named it, or an empty text
  public String backend() {
    return line(RecordingFormat.BACKEND);
  }

  /// The worker's arithmetic.
  ///
  /// @return as the worker named it, or an empty text
  public String precision() {
    return line(RecordingFormat.PRECISION);
  }

  private String line(String key) {
    return description
        .lines()
        .filter(line -> line.startsWith(key))
        .map(line -> line.substring(key.length()))
        .findFirst()
        .orElse("");
  }

  /// What happened, in order.
  ///
  /// @return tensors are read-only views of the file, until this is closed
  public List<RecordedEvent> events() {
    return List.copyOf(events);
  }

  /// How it ends.
  ///
  /// @return whether something is missing
  public Ending ending() {
    return ending;
  }

  /// How many different tensors there are.
  ///
  /// @return at least 0
  public int tensorCount() {
    return tensors.size();
  }

  /// Unmaps the file.
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
