package asymml.kernels;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A folder that this user alone can open and that vanishes with this process: [#close] deletes it,
/// and what a killed process leaves is deleted when the next folder is created beside it.
///
/// Its name is `asymml-<process>-<folder>`, both random. A process holds a lock on the file `.lock`
/// in each of its folders; the operating system frees it however the process ends. A process leaves
/// its own folders alone: to open and close a locked file would free the lock.
public final class TemporaryFolder implements AutoCloseable {
  private static final String PREFIX = "asymml-";
  private static final String LOCK = ".lock";
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final String OF_THIS_PROCESS = PREFIX + random() + "-";
  private static final int ATTEMPTS = 100;

  private static final FileAttribute<Set<PosixFilePermission>> DIRECTORY_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
  private static final FileAttribute<Set<PosixFilePermission>> FILE_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private final Path path;
  private final FileChannel lock;

  private TemporaryFolder(Path path, FileChannel lock) {
    this.path = path;
    this.lock = lock;
  }

  /// Creates a folder in `java.io.tmpdir`.
  ///
  /// @return a new folder; the caller closes it
  /// @throws IOException if it cannot be created
  public static TemporaryFolder create() throws IOException {
    return create(Path.of(System.getProperty("java.io.tmpdir")));
  }

  /// Creates a folder.
  ///
  /// @param parent an existing directory
  /// @return a new folder; the caller closes it
  /// @throws IOException if it cannot be created
  public static TemporaryFolder create(Path parent) throws IOException {
    for (int i = 0; i < ATTEMPTS; i++) {
      Path path = Files.createDirectory(parent.resolve(OF_THIS_PROCESS + random()), DIRECTORY_MODE);
      FileChannel lock = lock(path);
      if (lock != null) {
        TemporaryFolder folder = new TemporaryFolder(path.toAbsolutePath(), lock);
        deleteAbandoned(parent, Files.getOwner(path));
        return folder;
      }
    }
    throw new IOException("no temporary folder in " + parent + " can be locked");
  }

  private static String random() {
    byte[] bytes = new byte[6];
    RANDOM.nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  /// Locks a new folder; null if another process has taken it for an abandoned one meanwhile.
  private static @Nullable FileChannel lock(Path folder) throws IOException {
    FileChannel channel;
    try {
      channel =
          FileChannel.open(
              folder.resolve(LOCK),
              Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
              FILE_MODE);
    } catch (NoSuchFileException e) {
      return null;
    }
    boolean locked = false;
    try {
      locked = channel.tryLock() != null && Files.exists(folder.resolve(LOCK));
      return locked ? channel : null;
    } finally {
      if (!locked) {
        channel.close();
      }
    }
  }

  private static void deleteAbandoned(Path parent, UserPrincipal owner) {
    try (DirectoryStream<Path> folders = Files.newDirectoryStream(parent, PREFIX + "*")) {
      for (Path folder : folders) {
        if (!folder.getFileName().toString().startsWith(OF_THIS_PROCESS)
            && Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
            && Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS).equals(owner)) {
          deleteIfAbandoned(folder);
        }
      }
    } catch (IOException e) {
      // Somebody else deletes them at the same time: they are then gone as well, or the next one's.
    }
  }

  private static void deleteIfAbandoned(Path folder) throws IOException {
    if (!Files.exists(folder.resolve(LOCK), LinkOption.NOFOLLOW_LINKS)) {
      try {
        // Its process died before it could lock it, or is about to: that one then takes another.
        Files.delete(folder);
      } catch (DirectoryNotEmptyException e) {
        return; // It has been locked since, or is none of ours.
      }
      return;
    }
    try (FileChannel channel =
        FileChannel.open(
            folder.resolve(LOCK), StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)) {
      if (channel.tryLock() != null) {
        delete(folder);
      }
    } catch (OverlappingFileLockException e) {
      // Another thread of this process is deleting it.
    }
  }

  /// Where it is.
  ///
  /// @return an absolute path
  public Path path() {
    return path;
  }

  /// Deletes it with all that it holds. Idempotent.
  ///
  /// @throws UncheckedIOException if something cannot be deleted
  @Override
  public void close() {
    try (lock) {
      if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
        delete(path);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot delete " + path, e);
    }
  }

  /// The lock goes last: a folder without it is deleted only if it is empty. What others delete
  /// meanwhile (a worker its socket) is gone all the same.
  private static void delete(Path folder) throws IOException {
    Files.walkFileTree(
        folder,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            if (!file.equals(folder.resolve(LOCK))) {
              Files.deleteIfExists(file);
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
            if (e instanceof NoSuchFileException) {
              return FileVisitResult.CONTINUE;
            }
            throw e;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException e)
              throws IOException {
            if (directory.equals(folder)) {
              Files.deleteIfExists(folder.resolve(LOCK));
            }
            Files.deleteIfExists(directory);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
