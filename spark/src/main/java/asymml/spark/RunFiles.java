package asymml.spark;

import asymml.kernels.TemporaryFolder;
import asymml.session.TrainedRun;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.jspecify.annotations.Nullable;

/// The files of a run directory that a model consists of: settings, checkpoint, and the ledger if
/// there is one. Metrics are left out: losses and accuracies are private statistics that no epsilon
/// covers.
final class RunFiles implements Serializable {
  private static final long serialVersionUID = 1;

  private final TreeMap<String, byte[]> files;

  /// Of the content.
  private final String digest;

  private RunFiles(Map<String, byte[]> files) {
    this.files = new TreeMap<>(files);
    digest = digest(this.files);
  }

  private static String digest(Map<String, byte[]> files) {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      files.forEach((name, content) -> {
        sha256.update((name + ":" + content.length + "\n").getBytes(StandardCharsets.UTF_8));
        sha256.update(content);
      });
      return HexFormat.of().formatHex(sha256.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /// The files of a run.
  static RunFiles read(RunLayout layout) throws IOException {
    Map<String, byte[]> files = new TreeMap<>();
    for (Path file : new Path[] {layout.config(), layout.checkpoint(), layout.ledger()}) {
      if (Files.exists(file)) {
        files.put(String.valueOf(file.getFileName()), Files.readAllBytes(file));
      }
    }
    return new RunFiles(files);
  }

  /// Reads the model, from files that are there meanwhile, in a folder that vanishes with this
  /// process however it ends.
  ///
  /// @return a run without a directory: its model can be used, and what it has cost is known
  TrainedRun open() throws IOException {
    try (TemporaryFolder folder = TemporaryFolder.create()) {
      // Its own lock has the name of that of a run.
      Path directory = Files.createDirectory(folder.path().resolve("run"));
      for (Map.Entry<String, byte[]> file : files.entrySet()) {
        Files.write(directory.resolve(file.getKey()), file.getValue());
      }
      TrainedRun run = TrainedRun.open(directory);
      // It is read when it is first asked for.
      run.statement();
      return run;
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
    Map<String, byte[]> files = new TreeMap<>();
    for (FileStatus file : system.listStatus(root)) {
      try (InputStream in = system.open(file.getPath())) {
        files.put(file.getPath().getName(), in.readAllBytes());
      }
    }
    return new RunFiles(files);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof RunFiles run && digest.equals(run.digest);
  }

  @Override
  public int hashCode() {
    return digest.hashCode();
  }
}
