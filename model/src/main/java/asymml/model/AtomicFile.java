package asymml.model;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/// Replaces a file as a whole or not at all: whoever reads it, at whatever moment the machine loses
/// power, finds the old bytes or the new ones.
///
/// The new bytes go to `<name>.tmp` in the same directory, are forced to disk, take the file's name
/// by an atomic rename, and the directory is forced too. The temporary name is fixed so that what a
/// killed process leaves behind is overwritten by the next write and does not accumulate; a file
/// therefore has one writer at a time (a run directory's lock sees to it).
public final class AtomicFile {
  /// What writes the new bytes.
  @FunctionalInterface
  public interface Body {
    /// Writes the whole new file.
    ///
    /// @param channel empty, positioned at 0; neither forced nor closed by this method
    /// @throws IOException if writing fails; the old file then stays
    void writeTo(FileChannel channel) throws IOException;
  }

  private AtomicFile() {}

  /// Writes or replaces a file.
  ///
  /// @param file its path; the directory must exist
  /// @param body writes its bytes
  /// @throws IOException one line that names the file and the reason, for example a full disk; a
  ///   file that was there before is unchanged, unless only forcing the directory failed
  public static void write(Path file, Body body) throws IOException {
    Path target = file.toAbsolutePath();
    Path temporary = target.resolveSibling(target.getFileName() + ".tmp");
    try {
      writeTo(temporary, body);
      Files.move(
          temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      forceDirectory(target.resolveSibling(""));
    } catch (IOException e) {
      discard(temporary, e);
      throw new IOException("cannot write " + file + ": " + FileReason.of(e), e);
    }
  }

  private static void writeTo(Path temporary, Body body) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            temporary,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      body.writeTo(channel);
      channel.force(true);
    }
  }

  /// The rename itself lives in the directory: until that is on disk a crash may undo it.
  private static void forceDirectory(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  private static void discard(Path temporary, IOException why) {
    try {
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      why.addSuppressed(e);
    }
  }
}
