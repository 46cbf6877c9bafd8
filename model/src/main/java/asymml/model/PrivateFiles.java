package asymml.model;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/// Creates files and directories that their owner alone can open, whatever the umask: mode 0600 and
/// 0700. What exists already keeps its mode.
public final class PrivateFiles {
  private static final FileAttribute<Set<PosixFilePermission>> FILE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
  private static final FileAttribute<Set<PosixFilePermission>> DIRECTORY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private PrivateFiles() {}

  /// Creates a directory, with those above it that are missing.
  ///
  /// @param directory its path; nothing happens if it exists
  /// @throws java.nio.file.FileAlreadyExistsException if it is there and is no directory
  /// @throws IOException if it cannot be created
  public static void createDirectories(Path directory) throws IOException {
    Files.createDirectories(directory, DIRECTORY);
  }

  /// Creates a directory.
  ///
  /// @param directory its path
  /// @throws java.nio.file.FileAlreadyExistsException if something is there
  /// @throws IOException if it cannot be created
  public static void createDirectory(Path directory) throws IOException {
    Files.createDirectory(directory, DIRECTORY);
  }

  /// Opens a file.
  ///
  /// @param file its path
  /// @param options as of [FileChannel#open(Path, OpenOption...)]
  /// @return a new channel; the caller closes it
  /// @throws IOException if it cannot be opened
  public static FileChannel open(Path file, OpenOption... options) throws IOException {
    return FileChannel.open(file, Set.of(options), FILE);
  }
}
