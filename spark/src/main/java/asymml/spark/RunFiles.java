package asymml.spark;

import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;

/// The files of a run directory that a model consists of: settings, checkpoint, and what says what
/// it has cost.
///
/// @param files by name
record RunFiles(Map<String, byte[]> files) implements Serializable {
  private static final long serialVersionUID = 1;

  /// Copies the map.
  RunFiles {
    files = new LinkedHashMap<>(files);
  }

  /// The files of a run.
  static RunFiles read(RunLayout layout) throws IOException {
    Map<String, byte[]> files = new LinkedHashMap<>();
    for (Path file :
        new Path[] {
          layout.config(),
          layout.checkpoint(),
          layout.ledger(),
          layout.metrics(),
          layout.runFile()
        }) {
      if (Files.exists(file)) {
        files.put(String.valueOf(file.getFileName()), Files.readAllBytes(file));
      }
    }
    return new RunFiles(files);
  }

  /// Writes them into a directory of this machine.
  void write(Path directory) throws IOException {
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      Files.write(directory.resolve(file.getKey()), file.getValue());
    }
  }

  /// Writes them where Spark can.
  void write(String directory, Configuration hadoop) throws IOException {
    org.apache.hadoop.fs.Path root = new org.apache.hadoop.fs.Path(directory);
    FileSystem system = root.getFileSystem(hadoop);
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      try (OutputStream out =
          system.create(new org.apache.hadoop.fs.Path(root, file.getKey()), true)) {
        out.write(file.getValue());
      }
    }
  }

  /// Reads what [#write(String, Configuration)] wrote.
  static RunFiles read(String directory, Configuration hadoop) throws IOException {
    org.apache.hadoop.fs.Path root = new org.apache.hadoop.fs.Path(directory);
    FileSystem system = root.getFileSystem(hadoop);
    Map<String, byte[]> files = new LinkedHashMap<>();
    for (FileStatus file : system.listStatus(root)) {
      try (InputStream in = system.open(file.getPath())) {
        files.put(file.getPath().getName(), in.readAllBytes());
      }
    }
    return new RunFiles(files);
  }
}
