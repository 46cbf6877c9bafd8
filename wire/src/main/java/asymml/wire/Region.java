package asymml.wire;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The memory in which tensors cross the boundary. Both sides hold one of the same size: the same
/// memory where they share it, otherwise a copy each.
///
/// Shared memory is visible to the worker while it is written, and the worker can change all of it
/// at any time: the trusted side writes only final, released values into it, and reads each value
/// once.
public final class Region implements AutoCloseable {
  private static final int NONE = -1;
  private static final Path AVAILABLE = Path.of("/proc/meminfo");
  private static final Pattern AVAILABLE_LINE = Pattern.compile("(?m)^MemAvailable: +(\\d+) kB$");

  // Shared, because a worker that takes tensors from a stream reads them on a thread of its own and
  // because element-wise passes may run on several.
  private final Arena arena;
  private final MemorySegment memory;
  private int descriptor;

  private Region(Arena arena, MemorySegment memory, int descriptor) {
    this.arena = arena;
    this.memory = memory;
    this.descriptor = descriptor;
  }

  /// Allocates memory of this process alone, zeroed.
  ///
  /// @param sizeBytes 1 to [Slot#MAX_REGION_BYTES]
  /// @return a new region; the caller closes it
  @SuppressWarnings("MustBeClosedChecker") // the region closes it
  public static Region allocate(long sizeBytes) {
    checkSize(sizeBytes);
    Arena arena = Arena.ofShared();
    return new Region(arena, arena.allocate(sizeBytes, Slot.ALIGNMENT_BYTES), NONE);
  }

  /// Creates zeroed memory that another process can map once it was handed over by
  /// [Transport#share]: an anonymous file (`memfd_create`), without a name that anybody could open
  /// and sealed at its size. A file that is truncated kills, by a signal, whoever touches the
  /// memory behind it; of this one no process can take anything away.
  ///
  /// @param sizeBytes 1 to [Slot#MAX_REGION_BYTES]
  /// @return a new region; the caller closes it
  /// @throws IOException one line, if there is no room for it or the system has no such memory
  public static Region create(long sizeBytes) throws IOException {
    checkSize(sizeBytes);
    Posix.requireLinux();
    requireRoom(sizeBytes);
    Posix.Call call = new Posix.Call();
    int fd = Posix.memory(call);
    if (fd < 0) {
      throw call.failure(
          call.errno() == Posix.ENOSYS
              ? "this system has no memory that can be sealed (Linux 3.17 or newer has)"
              : "cannot create shared memory");
    }
    boolean done = false;
    try {
      while (Posix.allocate(call, fd, sizeBytes) < 0) {
        if (call.errno() != Posix.EINTR) {
          throw noRoom(sizeBytes, call.failure("allocate").getMessage());
        }
      }
      if (Posix.seal(call, fd) < 0) {
        throw call.failure("cannot seal shared memory");
      }
      Region region = map(call, fd, sizeBytes);
      done = true;
      return region;
    } finally {
      if (!done) {
        Posix.close(call, fd);
      }
    }
  }

  /// The system would not refuse too much, but end processes once it is written to.
  private static void requireRoom(long sizeBytes) throws IOException {
    Matcher line = AVAILABLE_LINE.matcher(Files.readString(AVAILABLE));
    if (line.find() && Long.parseLong(line.group(1)) < sizeBytes >> 10) {
      throw noRoom(sizeBytes, (Long.parseLong(line.group(1)) >> 10) + " MB are available");
    }
  }

  private static IOException noRoom(long sizeBytes, @Nullable String why) {
    return new IOException(
        "no room for %s MB of shared memory (%s): use a smaller batch"
            .formatted(sizeBytes >> 20, why));
  }

  /// Maps memory that another process has handed over.
  ///
  /// @param fd its descriptor, which the region closes; closed here if this fails
  /// @param sizeBytes its size
  /// @return a region; the caller closes it
  /// @throws IOException if it is not memory of that size that nobody can shrink, or cannot be
  ///   mapped
  static Region open(int fd, long sizeBytes) throws IOException {
    Posix.Call call = new Posix.Call();
    boolean done = false;
    try {
      checkSize(sizeBytes);
      // In this order: what cannot shrink after it was measured is as large for ever.
      if (!Posix.cannotShrink(call, fd)) {
        throw new IOException("not memory that is sealed against shrinking");
      }
      long size = Posix.size(call, fd);
      if (size != sizeBytes) {
        throw new IOException("memory of " + size + " bytes in place of " + sizeBytes);
      }
      Region region = map(call, fd, sizeBytes);
      done = true;
      return region;
    } finally {
      if (!done) {
        Posix.close(call, fd);
      }
    }
  }

  @SuppressWarnings("MustBeClosedChecker") // the region closes it
  private static Region map(Posix.Call call, int fd, long sizeBytes) throws IOException {
    Arena arena = Arena.ofShared();
    MemorySegment memory = Posix.map(call, fd, sizeBytes, arena);
    if (memory == null) {
      arena.close();
      throw call.failure("cannot map shared memory");
    }
    return new Region(arena, memory, fd);
  }

  private static void checkSize(long sizeBytes) {
    if (sizeBytes < 1 || sizeBytes > Slot.MAX_REGION_BYTES) {
      throw new IllegalArgumentException(
          "a region has 1 to " + Slot.MAX_REGION_BYTES + " bytes: " + sizeBytes);
    }
  }

  /// The size.
  ///
  /// @return bytes
  public long sizeBytes() {
    return memory.byteSize();
  }

  /// What another process can map the memory by.
  ///
  /// @throws IllegalStateException if the memory is this process's alone, or was handed over
  int descriptor() {
    if (descriptor == NONE) {
      throw new IllegalStateException("no memory to hand over");
    }
    return descriptor;
  }

  /// Closes the descriptor, which has done its service; the memory stays.
  void handedOver() {
    if (descriptor != NONE) {
      Posix.close(new Posix.Call(), descriptor);
      descriptor = NONE;
    }
  }

  /// All of the memory (aliased).
  ///
  /// @return [#sizeBytes] bytes
  public MemorySegment memory() {
    return memory;
  }

  /// Whether a slot lies within this region.
  ///
  /// @param slot a slot
  /// @return true if it does
  public boolean holds(Slot slot) {
    return slot.endOffset() <= memory.byteSize();
  }

  /// The memory of a slot (aliased).
  ///
  /// @param slot a slot of this region
  /// @return [Slot#sizeBytes] bytes
  /// @throws IllegalArgumentException if it does not lie within the region
  /// @throws IllegalStateException if the region is closed
  public MemorySegment at(Slot slot) {
    if (!holds(slot)) {
      throw new IllegalArgumentException(
          "a slot that ends at byte " + slot.endOffset() + " of a region of " + sizeBytes());
    }
    return memory.asSlice(slot.offset(), slot.sizeBytes());
  }

  @Override
  public void close() {
    handedOver();
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
