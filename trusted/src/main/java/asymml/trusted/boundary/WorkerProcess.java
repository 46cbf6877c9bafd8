package asymml.trusted.boundary;

import asymml.kernels.TemporaryFolder;
import asymml.model.PrivateFiles;
import asymml.wire.ProtocolException;
import asymml.wire.Region;
import asymml.wire.WorkerAddress;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/// A worker process that this side has started on the same machine and that listens on a socket
/// which only this user can reach.
///
/// It is untrusted: it gets a short list of environment variables and no others, since they may
/// hold secrets, and no open file of this process. It ignores SIGINT and SIGTERM, which a terminal
/// or `timeout` sends to both processes, so that the trainer can finish its step; it exits when the
/// connection ends.
public final class WorkerProcess implements AutoCloseable {
  private static final String LC_ALL = "LC_ALL";
  private static final String LC_CTYPE = "LC_CTYPE";

  /// What a Java process and its native libraries need to start, and the knobs of OpenMP and CUDA.
  private static final Set<String> ENVIRONMENT =
      Set.of(
          "PATH", "HOME", "TMPDIR", "LANG", LC_ALL, LC_CTYPE, "TZ", "JAVA_HOME", "LD_LIBRARY_PATH");

  private static final Set<String> ENVIRONMENT_PREFIXES =
      Set.of("OMP_", "GOMP_", "KMP_", "CUDA_", "NVIDIA_", "ONEDNN_", "DNNL_");

  private static final Duration LEAVE_LIMIT = Duration.ofSeconds(2);
  private static final int LOG_TAIL_BYTES = 4096;
  private static final int LOG_LINE_CHARS = 200;

  private final Process process;
  private final TemporaryFolder folder;
  private final Path logFile;
  private final WorkerAddress.Unix address;

  private WorkerProcess(
      Process process, TemporaryFolder folder, Path logFile, WorkerAddress.Unix address) {
    this.process = process;
    this.folder = folder;
    this.logFile = logFile;
    this.address = address;
  }

  /// Checks that a worker on this machine could be given memory to share.
  ///
  /// @throws IOException if not, with the reason
  public static void requireSharedMemory() throws IOException {
    Region.create(1).close();
  }

  /// Starts a worker and waits until it can be connected to.
  ///
  /// @param command what starts a worker, without its options: `java ... asymml.untrusted.Main`
  /// @param threads with how many threads it computes, at least 1
  /// @param logFile where its stderr is appended
  /// @param timeout by when it must listen; also how long it then waits for the connection, in
  ///   whole seconds
  /// @return the process; the caller closes it
  /// @throws ProtocolException if it cannot be started or does not listen in time
  public static WorkerProcess start(
      List<String> command, int threads, Path logFile, Duration timeout) throws ProtocolException {
    WorkerProcess worker;
    try {
      TemporaryFolder folder = TemporaryFolder.create();
      WorkerAddress.Unix address = new WorkerAddress.Unix(folder.path().resolve("worker.sock"));
      Process process;
      try {
        process = launch(fullCommand(command, address, threads, timeout), logFile);
      } catch (IOException e) {
        folder.close();
        throw e;
      }
      worker = new WorkerProcess(process, folder, logFile, address);
    } catch (IOException e) {
      throw new ProtocolException("cannot start a worker process: " + e.getMessage(), e);
    }
    boolean listening = false;
    try {
      worker.awaitReadyLine(timeout);
      listening = true;
      return worker;
    } finally {
      if (!listening) {
        worker.process.destroyForcibly();
        worker.close();
      }
    }
  }

  private static List<String> fullCommand(
      List<String> command, WorkerAddress.Unix address, int threads, Duration timeout) {
    // An ignored signal stays ignored in the program that replaces the shell, under the same
    // process id; Java has no way to say it. What the worker creates is this user's alone.
    List<String> full =
        new ArrayList<>(
            List.of("/bin/sh", "-c", "umask 077; trap '' INT TERM; exec \"$@\"", "asymml-worker"));
    full.addAll(command);
    full.addAll(
        List.of(
            "--listen",
            address.toString(),
            "--threads",
            Integer.toString(threads),
            "--accept-seconds",
            Long.toString(Math.max(1, timeout.toSeconds())),
            "--until-stdin-ends"));
    return full;
  }

  private static Process launch(List<String> command, Path logFile) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    Map<String, String> environment = builder.environment();
    environment
        .keySet()
        .removeIf(name ->
            !ENVIRONMENT.contains(name)
                && ENVIRONMENT_PREFIXES.stream().noneMatch(name::startsWith));
    // The two processes share the cores: a thread that spins takes them from the other.
    environment.putIfAbsent("OMP_WAIT_POLICY", "passive");
    // File names in the user's encoding; what the system says of a file in English, as all
    // messages.
    @Nullable String all = environment.remove(LC_ALL);
    if (all != null) {
      environment.put(LC_CTYPE, all);
    }
    environment.put("LC_MESSAGES", "C");
    environment.put("LC_NUMERIC", "C");
    PrivateFiles.open(logFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE).close();
    builder.redirectError(ProcessBuilder.Redirect.appendTo(logFile.toFile()));
    return builder.start();
  }

  // The worker prints one line once it listens; a connection to try would be the only one it takes.
  private void awaitReadyLine(Duration timeout) throws ProtocolException {
    CompletableFuture<Boolean> ready = new CompletableFuture<>();
    Thread.ofPlatform().daemon().name("worker-stdout").start(() -> readStdout(ready));
    try {
      if (!ready.get(timeout.toNanos(), TimeUnit.NANOSECONDS)) {
        throw new ProtocolException("the worker did not start" + describeEnd());
      }
    } catch (TimeoutException e) {
      throw new ProtocolException(
          ProtocolException.Reason.TIMED_OUT,
          "the worker did not start within " + timeout.toSeconds() + " s; its log is " + logFile,
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProtocolException("interrupted while the worker started", e);
    } catch (ExecutionException e) {
      throw new ProtocolException("cannot read from the worker: " + e.getMessage(), e);
    }
  }

  private void readStdout(CompletableFuture<Boolean> ready) {
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
      ready.complete(lines.readLine() != null);
      // Nothing more is expected, but a full pipe must not stop the worker.
      lines.transferTo(Writer.nullWriter());
    } catch (IOException e) {
      ready.completeExceptionally(e);
    }
  }

  /// Where it listens.
  ///
  /// @return a socket that takes one connection
  public WorkerAddress.Unix address() {
    return address;
  }

  /// Removes the socket's name, which nobody needs any more: a process that is killed later leaves
  /// nothing behind. Idempotent.
  void connected() {
    folder.close();
  }

  /// Its process id.
  ///
  /// @return the id
  public long pid() {
    return process.pid();
  }

  /// Whether it runs.
  ///
  /// @return false once it has ended
  public boolean isAlive() {
    return process.isAlive();
  }

  /// How the process ended, for the end of an error line: exit code and last output, as far as they
  /// can be known at once.
  String describeEnd() {
    String how = "";
    try {
      if (process.waitFor(500, TimeUnit.MILLISECONDS)) {
        how = " (exit code " + process.exitValue() + ")";
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    String last = lastLogLine();
    return how + (last == null ? "" : "; its last output: \"" + last + "\"");
  }

  // The log is the worker's own text: bounded, and rid of what could steer a terminal.
  private @Nullable String lastLogLine() {
    try (FileChannel log = FileChannel.open(logFile, StandardOpenOption.READ)) {
      ByteBuffer tail = ByteBuffer.allocate(LOG_TAIL_BYTES);
      log.read(tail, Math.max(0, log.size() - LOG_TAIL_BYTES));
      String text = StandardCharsets.ISO_8859_1.decode(tail.flip()).toString().stripTrailing();
      String line = text.substring(text.lastIndexOf('\n') + 1).replaceAll("[^\\x20-\\x7e]", "?");
      return line.isEmpty() ? null : line.substring(0, Math.min(line.length(), LOG_LINE_CHARS));
    } catch (IOException e) {
      return null;
    }
  }

  /// Ends the process: it has 2 s to exit by itself, as it does when the connection ends, and is
  /// killed after that. Idempotent.
  @Override
  public void close() {
    try {
      process.getOutputStream().close();
    } catch (IOException e) {
      // It has ended.
    }
    try {
      if (!process.waitFor(LEAVE_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    folder.close();
  }
}
