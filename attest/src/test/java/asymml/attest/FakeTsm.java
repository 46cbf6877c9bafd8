package asymml.attest;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Plays the kernel behind configfs-tsm in a folder: waits for the client's folder, fills it with
/// named pipes, and serves them in the order in which the client uses them.
///
/// @param provider what the attribute of that name says
/// @param outblob the evidence; null if it never comes
/// @param auxblob the certificate table
/// @param generation the number after the client's write
@SuppressWarnings("ArrayRecordComponent") // Not compared.
record FakeTsm(String provider, byte @Nullable [] outblob, byte[] auxblob, int generation) {
  private static final String REPORTS = "sys/kernel/config/tsm/report";

  /// Begins to serve one request.
  ///
  /// @param root of the file tree
  /// @return the report data that the client wrote
  CompletableFuture<byte[]> start(Path root) throws IOException {
    Path reports = Files.createDirectories(root.resolve(REPORTS));
    WatchService watch = reports.getFileSystem().newWatchService();
    reports.register(watch, StandardWatchEventKinds.ENTRY_CREATE);
    CompletableFuture<byte[]> written = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          try (watch) {
            watch.take();
            written.complete(serve(root, only(reports)));
          } catch (IOException | InterruptedException | RuntimeException e) {
            written.completeExceptionally(e);
          }
        });
    return written;
  }

  private static Path only(Path reports) throws IOException {
    try (Stream<Path> all = Files.list(reports)) {
      return all.findFirst().orElseThrow();
    }
  }

  private static void pipe(Path path) throws IOException, InterruptedException {
    int code = new ProcessBuilder("mkfifo", path.toString()).start().waitFor();
    if (code != 0) {
      throw new IOException("mkfifo " + path + " ended with " + code);
    }
  }

  /// What makes evidence about report data.
  interface Reporter {
    byte[] report(byte[] reportData) throws Exception;
  }

  /// Serves every guest of a provider, one after the other, for as long as the process lives.
  ///
  /// @param root of the file tree
  /// @param reporter makes the evidence
  /// @param auxblob the certificate table
  static void guests(Path root, Reporter reporter, byte[] auxblob) throws IOException {
    Path reports = Files.createDirectories(root.resolve(REPORTS));
    WatchService watch = reports.getFileSystem().newWatchService();
    reports.register(watch, StandardWatchEventKinds.ENTRY_CREATE);
    FakeTsm kernel = new FakeTsm("sev_guest", new byte[] {1}, auxblob, 1);
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          try (watch) {
            while (true) {
              WatchKey key = watch.take();
              for (WatchEvent<?> event : key.pollEvents()) {
                kernel.serve(root, reports.resolve((Path) event.context()), reporter);
              }
              key.reset();
            }
          } catch (Exception e) {
            throw new IllegalStateException("the kernel of this test has ended", e);
          }
        });
  }

  private byte[] serve(Path root, Path entry) throws IOException, InterruptedException {
    byte[] fixed = outblob == null ? new byte[0] : outblob;
    try {
      return serve(root, entry, _ -> fixed);
    } catch (IOException | InterruptedException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private byte[] serve(Path root, Path entry, Reporter reporter) throws Exception {
    for (String name : List.of("provider", "inblob", "outblob", "auxblob")) {
      pipe(entry.resolve(name));
    }
    Path generations = root.resolve("generation");
    pipe(generations);
    Path attribute = entry.resolve("generation");
    Files.move(generations, attribute, StandardCopyOption.ATOMIC_MOVE);
    boolean known = provider.endsWith("_guest");
    answer(entry.resolve("provider"), provider + "\n", !known);
    if (!known) {
      return new byte[0];
    }
    answer(attribute, "0\n", false);
    byte[] data = Files.readAllBytes(entry.resolve("inblob"));
    if (outblob == null) {
      return data;
    }
    byte[] evidence = reporter.report(data);
    Files.write(entry.resolve("outblob"), evidence);
    boolean more = generation == 1 && evidence.length > 0;
    answer(attribute, generation + "\n", !more);
    if (more) {
      Files.write(entry.resolve("auxblob"), auxblob);
      answer(attribute, "1\n", true);
    }
    return data;
  }

  /// Writes once the client has opened the pipe. The last answer comes when the folder is empty
  /// already, so that the client can remove it as it can the kernel's.
  private static void answer(Path pipe, String text, boolean last) throws IOException {
    try (OutputStream out = Files.newOutputStream(pipe, StandardOpenOption.WRITE)) {
      if (last) {
        try (Stream<Path> all = Files.list(pipe.getParent())) {
          for (Path each : all.toList()) {
            Files.delete(each);
          }
        }
      }
      out.write(text.getBytes(StandardCharsets.US_ASCII));
    }
  }
}
