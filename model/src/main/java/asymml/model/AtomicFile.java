package asymml.model;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/// Replaces a file as a whole or not at all: whoever reads it, at whatever moment the machine loses
/// power, finds the old bytes or the new ones.
///
/// The new bytes go to `<name>.tmp` in the same directory, are forced to disk, take the file's name
/// by an atomic rename, and the directory is forced too. The temporary name is fixed so that what a
/// killed process leaves behind is replaced by the next write and does not accumulate; a file
/// therefore has one writer at a time (a run directory's lock sees to it).
///
/// The file is its owner's alone, mode 0600, also where it replaces one that others could read:
/// what this program writes is private until its owner says otherwise.
///
/// Only regular files are replaced. Through a symbolic link the file that it leads to is; what is
/// neither, such as a device or a pipe, is written into.
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

  private static final int LONGEST_CHAIN = 40;

  private AtomicFile() {}

  /// Writes or replaces a file.
  ///
  /// @param file its path; the directory must exist
  /// @param body writes its bytes
  /// @throws IOException one line that names the file and the reason, for example a full disk; a
  ///   file that was there before is unchanged, unless only forcing the directory failed
  public static void write(Path file, Body body) throws IOException {
    try {
      Path target = followed(file.toAbsolutePath());
      if (Files.exists(target) && !Files.isRegularFile(target)) {
        writeInto(target, body);
      } else {
        replace(target, body);
      }
    } catch (IOException e) {
      throw new IOException("cannot write " + file + ": " + FileReason.of(e), e);
    }
  }

  /// What symbolic links lead to, whether or not there is a file yet.
  private static Path followed(Path file) throws IOException {
    Path target = file;
    for (int links = 0; Files.isSymbolicLink(target); links++) {
      if (links == LONGEST_CHAIN) {
        throw new FileSystemLoopException(file.toString());
      }
      target = target.resolveSibling(Files.readSymbolicLink(target));
    }
    return target;
  }

  private static void writeInto(Path target, Body body) throws IOException {
    if (Files.isDirectory(target)) {
      throw new FileSystemException(target.toString(), null, "it is a directory");
    }
    try (FileChannel channel = FileChannel.open(target, StandardOpenOption.WRITE)) {
      body.writeTo(channel);
    }
  }

  private static void replace(Path target, Body body) throws IOException {
    Path temporary = target.resolveSibling(target.getFileName() + ".tmp");
    // What a killed process left; its mode may be any.
    Files.deleteIfExists(temporary);
    try {
      writeTo(temporary, body);
      Files.move(
          temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      forceDirectory(target.resolveSibling(""));
    } catch (IOException e) {
      discard(temporary, e);
      throw e;
    }
  }

  private static void writeTo(Path temporary, Body body) throws IOException {
    try (FileChannel channel =
        PrivateFiles.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
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
