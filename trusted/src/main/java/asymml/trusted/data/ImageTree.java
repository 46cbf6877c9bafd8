package asymml.trusted.data;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// A tree of image files that is read in place, by several threads at once. Paths are those of
/// [TreeNames], without litter.
sealed interface ImageTree extends AutoCloseable {
  /// All paths, relative to the root, each once; those of folders end in `/`.
  List<String> paths();

  /// A file's content.
  ///
  /// @param path of [#paths]
  /// @param limits on its size
  byte[] read(String path, DataLimits limits) throws DataException;

  /// The order in which files are best read: that in which they are stored.
  ///
  /// @param paths of [#paths]
  /// @return a permutation of their indices
  default int[] readingOrder(List<String> paths) {
    return IntStream.range(0, paths.size()).toArray();
  }

  /// What an image has in common with others.
  ///
  /// @param path of [#paths]
  /// @return null if there are no groups
  default @Nullable String group(String path) {
    return null;
  }

  /// How to call the tree in errors.
  Path root();

  /// How to call a path in errors.
  String describe(String path);

  @Override
  void close() throws IOException;

  /// A folder on disk.
  record Folder(Path root, TreeIndex<Path> files) implements ImageTree {
    /// `split/class/file`: what is deeper is noticed and not entered.
    private static final int DEPTH = 3;

    /// Walks a folder. Only splits are entered: what lies beside them is no concern of ours.
    static Folder open(Path root) throws DataException {
      TreeIndex<Path> files = new TreeIndex<>(root.toString());
      walk(root, "", 1, files);
      return new Folder(root, files);
    }

    private static void walk(Path folder, String prefix, int depth, TreeIndex<Path> files)
        throws DataException {
      for (Path child : children(folder)) {
        String name = prefix + TreeNames.of(child);
        boolean isFolder = Files.isDirectory(child);
        if (isFolder) {
          requireNoLoop(child);
        }
        files.add(isFolder ? name + "/" : name, child);
        if (isFolder
            && depth < DEPTH
            && !TreeNames.isLitter(name)
            && (depth > 1 || ImageListing.isSplit(name))) {
          walk(child, name + "/", depth + 1, files);
        }
      }
    }

    /// A link to a folder that contains it never ends.
    private static void requireNoLoop(Path folder) throws DataException {
      if (!Files.isSymbolicLink(folder)) {
        return;
      }
      try {
        Path parent = folder.toAbsolutePath().getParent();
        if (parent != null && parent.toRealPath().startsWith(folder.toRealPath())) {
          throw new DataException(
              folder
                  + " is a loop of symbolic links: it leads to a folder that contains it; remove"
                  + " it");
        }
      } catch (IOException e) {
        throw FileKind.unreadable(folder, e);
      }
    }

    /// What a folder holds, in the order of names, without litter.
    ///
    /// @throws DataException with the reason, if it cannot be read
    static List<Path> children(Path folder) throws DataException {
      List<Path> found = new ArrayList<>();
      try (DirectoryStream<Path> children = Files.newDirectoryStream(folder)) {
        for (Path child : children) {
          if (!TreeNames.isLitter(TreeNames.of(child))) {
            found.add(child);
          }
        }
      } catch (DirectoryIteratorException e) {
        @Nullable IOException cause = e.getCause();
        throw FileKind.unreadable(folder, cause == null ? new IOException(e) : cause);
      } catch (IOException e) {
        throw FileKind.unreadable(folder, e);
      }
      found.sort(null);
      return found;
    }

    @Override
    public List<String> paths() {
      return files.paths();
    }

    @Override
    public byte[] read(String path, DataLimits limits) throws DataException {
      return readFile(require(files.place(path)), limits);
    }

    @Override
    public String describe(String path) {
      return root + "/" + path;
    }

    @Override
    public void close() {}
  }

  /// Where the bytes of an image are that a list names.
  @FunctionalInterface
  interface Place {
    /// Reads them.
    ///
    /// @param name how to call the image in errors
    /// @param limits on its size
    byte[] read(String name, DataLimits limits) throws DataException;
  }

  /// Images that lie anywhere: [ListedImages].
  ///
  /// @param root the list, or what holds them
  /// @param files where they are
  /// @param shown how to call each, for errors
  /// @param groups what each has in common with others; empty if there are none
  /// @param open what they are read from, to be closed
  record Listed(
      Path root,
      TreeIndex<Place> files,
      Map<String, String> shown,
      Map<String, String> groups,
      List<? extends Closeable> open)
      implements ImageTree {
    @Override
    public List<String> paths() {
      return files.paths();
    }

    @Override
    public byte[] read(String path, DataLimits limits) throws DataException {
      return require(files.place(path)).read(describe(path), limits);
    }

    @Override
    public @Nullable String group(String path) {
      return groups.get(path);
    }

    @Override
    public int[] readingOrder(List<String> paths) {
      return IntStream.range(0, paths.size())
          .boxed()
          .sorted(Comparator.comparingInt(i -> files.number(paths.get(i))))
          .mapToInt(i -> i)
          .toArray();
    }

    @Override
    public String describe(String path) {
      return shown.getOrDefault(path, root + ": " + path);
    }

    @Override
    public void close() throws IOException {
      for (Closeable each : open) {
        each.close();
      }
    }
  }

  /// A zip file.
  record Zip(Path root, ZipArchive archive) implements ImageTree {
    static Zip open(Path file) throws DataException {
      return new Zip(file, ZipArchive.open(file));
    }

    @Override
    public List<String> paths() {
      return archive.entries().paths();
    }

    @Override
    public byte[] read(String path, DataLimits limits) throws DataException {
      return archive.read(require(archive.entries().place(path)), describe(path), limits);
    }

    @Override
    public String describe(String path) {
      return root + ": " + path;
    }

    @Override
    public void close() throws IOException {
      archive.close();
    }
  }

  /// An archive.
  record Archive(DataArchive archive, TreeIndex<String> files) implements ImageTree {
    /// A fault of the archive itself, whose message names no file in it.
    static final class Fault extends IOException {
      private static final long serialVersionUID = 1;

      private Fault(String message) {
        super(message);
      }
    }

    static Archive open(DataArchive archive) throws DataException {
      TreeIndex<String> files = new TreeIndex<>(archive.name());
      for (String name : archive.names()) {
        files.add(name, name);
      }
      return new Archive(archive, files);
    }

    @Override
    public Path root() {
      return Path.of(archive.name());
    }

    @Override
    public List<String> paths() {
      return files.paths();
    }

    @Override
    public byte[] read(String path, DataLimits limits) throws DataException {
      String name = require(files.place(path));
      limits.requireFile(describe(path), archive.size(name));
      try {
        return archive.read(name);
      } catch (IOException e) {
        Fault fault = new Fault(archive.name() + " cannot be read: " + e.getMessage());
        throw new DataException(String.valueOf(fault.getMessage()), fault);
      }
    }

    @Override
    public String describe(String path) {
      return archive.name() + ": " + path;
    }

    /// The archive stays open: it is its opener's.
    @Override
    public void close() {}
  }

  /// A regular file's content.
  ///
  /// @param file on disk
  /// @param limits on its size
  static byte[] readFile(Path file, DataLimits limits) throws DataException {
    limits.requireFile(file.toString(), FileKind.requireRegular(file));
    try (InputStream in = FileKind.open(file)) {
      return in.readNBytes(limits.fileBytes());
    } catch (IOException e) {
      throw FileKind.unreadable(file, e);
    }
  }

  private static <T> T require(@Nullable T place) {
    if (place == null) {
      throw new IllegalArgumentException("no path of this tree");
    }
    return place;
  }
}
