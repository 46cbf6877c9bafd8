package asymml.wire;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The memory in which tensors cross the boundary. Both sides hold one of the same size: the same
/// memory where they share it, otherwise a copy each.
///
/// Shared memory is visible to the worker while it is written, and the worker can change all of it
/// at any time: the trusted side writes only final, released values into it, and reads each value
/// once.
public final class Region implements AutoCloseable {
  private static final Path SHARED_MEMORY = Path.of("/dev/shm");
  private static final int FILL_BYTES = 1 << 20;

  // Shared, because a worker that takes tensors from a stream reads them on a thread of its own and
  // because element-wise passes may run on several.
  private final Arena arena;
  private final MemorySegment memory;
  private final @Nullable Path path;

  private Region(Arena arena, MemorySegment memory, @Nullable Path path) {
    this.arena = arena;
    this.memory = memory;
    this.path = path;
  }

  /// Allocates memory of this process alone, zeroed.
  ///
  /// @param sizeBytes 1 to [Slot#MAX_REGION_BYTES]
  /// @return a new region; the caller closes it
  @SuppressWarnings("MustBeClosedChecker") // the region closes it
  public static Region allocate(long sizeBytes) {
    checkSize(sizeBytes);
    Arena arena = Arena.ofShared();
    return new Region(arena, arena.allocate(sizeBytes, Slot.ALIGNMENT_BYTES), null);
  }

  /// Creates zeroed memory that another process can map by its [#path]: a file that only this user
  /// can open, in `/dev/shm`, or in `java.io.tmpdir` where that does not exist. The caller calls
  /// [#unlink] as soon as the other process has mapped it.
  ///
  /// @param sizeBytes 1 to [Slot#MAX_REGION_BYTES]
  /// @return a new region; the caller closes it
  /// @throws IOException if there is no room for it
  public static Region create(long sizeBytes) throws IOException {
    checkSize(sizeBytes);
    Path directory =
        Files.isDirectory(SHARED_MEMORY)
            ? SHARED_MEMORY
            : Path.of(System.getProperty("java.io.tmpdir"));
    Path file =
        Files.createTempFile(
            directory,
            "asymml-",
            ".region",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      fill(channel, sizeBytes);
      return map(channel, sizeBytes, file);
    } catch (IOException e) {
      Files.deleteIfExists(file);
      throw new IOException(
          "no room for "
              + (sizeBytes >> 20)
              + " MB of shared memory in "
              + directory
              + " ("
              + e.getMessage()
              + "): enlarge it (containers: --shm-size) or use a smaller batch",
          e);
    }
  }

  /// Maps memory that another process created.
  ///
  /// @param file its path
  /// @param sizeBytes its size
  /// @return a region; the caller closes it
  /// @throws IOException if it is not a file of that size, or cannot be mapped
  public static Region open(Path file, long sizeBytes) throws IOException {
    checkSize(sizeBytes);
    try (FileChannel channel =
        FileChannel.open(
            file,
            Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS))) {
      if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) || channel.size() != sizeBytes) {
        throw new IOException("not a file of " + sizeBytes + " bytes: " + file);
      }
      return map(channel, sizeBytes, file);
    }
  }

  // Writing takes the pages now, with an exception if there are too few. A sparse file would take
  // them at first touch, with a signal that kills the process.
  private static void fill(FileChannel channel, long sizeBytes) throws IOException {
    ByteBuffer zeros = ByteBuffer.allocateDirect((int) Math.min(FILL_BYTES, sizeBytes));
    long left = sizeBytes;
    while (left > 0) {
      zeros.clear().limit((int) Math.min(zeros.capacity(), left));
      left -= channel.write(zeros);
    }
  }

  @SuppressWarnings("MustBeClosedChecker") // the region closes it
  private static Region map(FileChannel channel, long sizeBytes, Path file) throws IOException {
    Arena arena = Arena.ofShared();
    try {
      MemorySegment memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, sizeBytes, arena);
      return new Region(arena, memory, file);
    } catch (IOException e) {
      arena.close();
      throw e;
    }
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

  /// The file that another process can map.
  ///
  /// @return its path, or an empty text if the memory is this process's alone
  public String path() {
    return path == null ? "" : path.toString();
  }

  /// Removes the file's name; the memory stays as long as a process maps it.
  ///
  /// @throws IOException if it cannot be removed
  public void unlink() throws IOException {
    if (path != null) {
      Files.deleteIfExists(path);
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
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
