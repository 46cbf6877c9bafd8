package asymml.trusted.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/// A tree of image files that is read in place, by several threads at once.
sealed interface ImageTree extends AutoCloseable {
  /// All paths, relative to the root, parts separated by `/`; those of folders end in `/`.
  List<String> paths() throws IOException;

  /// A file's content.
  byte[] read(String path) throws IOException;

  /// How to call the tree in errors.
  Path root();

  /// How to call a path in errors.
  String describe(String path);

  @Override
  void close() throws IOException;

  /// A folder on disk.
  record Folder(Path root) implements ImageTree {
    /// `split/class/file`, and one more to notice what is nested too deeply.
    private static final int DEPTH = 4;

    @Override
    public List<String> paths() throws IOException {
      try (Stream<Path> walk = Files.walk(root, DEPTH, FileVisitOption.FOLLOW_LINKS)) {
        return walk.filter(path -> !path.equals(root)).map(this::relative).toList();
      }
    }

    private String relative(Path path) {
      String relative =
          root.relativize(path).toString().replace(path.getFileSystem().getSeparator(), "/");
      return Files.isDirectory(path) ? relative + "/" : relative;
    }

    @Override
    public byte[] read(String path) throws IOException {
      return Files.readAllBytes(root.resolve(path));
    }

    @Override
    public String describe(String path) {
      return root.resolve(path).toString();
    }

    @Override
    public void close() {}
  }

  /// A zip file. Checks each entry's checksum, which the platform's reader leaves to its caller.
  record Zip(Path root, ZipFile zip) implements ImageTree {
    static Zip open(Path file) throws IOException {
      return new Zip(file, new ZipFile(file.toFile()));
    }

    @Override
    public List<String> paths() {
      return zip.stream().map(ZipEntry::getName).toList();
    }

    @Override
    public byte[] read(String path) throws IOException {
      ZipEntry entry = zip.getEntry(path);
      if (entry == null) {
        throw new ZipException("no such entry");
      }
      byte[] content;
      try (InputStream in = zip.getInputStream(entry)) {
        content = in.readAllBytes();
      }
      CRC32 checksum = new CRC32();
      checksum.update(content);
      if (checksum.getValue() != entry.getCrc()) {
        throw new ZipException("its checksum does not match: the zip file is damaged");
      }
      return content;
    }

    @Override
    public String describe(String path) {
      return root + ": " + path;
    }

    @Override
    public void close() throws IOException {
      zip.close();
    }
  }
}
