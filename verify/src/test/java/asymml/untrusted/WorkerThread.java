package asymml.untrusted;

import asymml.wire.Transport;
import asymml.wire.UnixTransport;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/// The worker's program on a thread of the test's own process, for tests that neither kill it nor
/// ask what is shared: a process of its own costs seconds of compilation.
public final class WorkerThread implements AutoCloseable {
  private static final int LIMIT_MINUTES = 5;

  private final Path folder;
  private final Path socket;
  private final String readyLine;
  private final CompletableFuture<Integer> end = new CompletableFuture<>();

  /// Starts one that listens on a Unix domain socket, and waits until it does.
  ///
  /// @param options of `asymml worker`, without `--listen`
  /// @throws Exception if it ends instead
  public WorkerThread(String... options) throws Exception {
    this(null, options);
  }

  private WorkerThread(@Nullable String listen, String... options) throws Exception {
    folder = Files.createTempDirectory("worker-thread");
    socket = folder.resolve("socket");
    List<String> arguments =
        new ArrayList<>(List.of("--listen", listen == null ? "unix:" + socket : listen));
    arguments.addAll(List.of(options));
    CompletableFuture<String> listening = new CompletableFuture<>();
    PrintWriter out =
        new PrintWriter(
            new StringWriter() {
              @Override
              public void flush() {
                listening.complete(toString());
              }
            });
    StringWriter said = new StringWriter();
    Thread.ofPlatform()
        .daemon()
        .name("worker")
        .start(() -> {
          int code =
              Main.commandLine()
                  .setOut(out)
                  .setErr(new PrintWriter(said, true))
                  .execute(arguments.toArray(String[]::new));
          end.complete(code);
          listening.completeExceptionally(new IllegalStateException(code + ": " + said));
        });
    readyLine = listening.get(LIMIT_MINUTES, TimeUnit.MINUTES).strip();
  }

  /// Starts one that listens on a TCP port, and waits until it does.
  ///
  /// @param listen `tls:HOST:PORT`
  /// @param options of `asymml worker`, without `--listen`
  /// @return the worker
  /// @throws Exception if it ends instead
  public static WorkerThread at(String listen, String... options) throws Exception {
    return new WorkerThread(listen, options);
  }

  /// What it said when it began to listen.
  ///
  /// @return a line
  public String readyLine() {
    return readyLine;
  }

  /// Where it listens.
  ///
  /// @return its socket
  public WorkerAddress.Unix address() {
    return new WorkerAddress.Unix(socket);
  }

  /// Waits for the end of a worker whose trainer has left.
  ///
  /// @return its exit code
  /// @throws ExecutionException if it broke
  /// @throws InterruptedException if the test is to end
  /// @throws TimeoutException if it goes on for minutes
  public int awaitEnd() throws ExecutionException, InterruptedException, TimeoutException {
    return end.get(LIMIT_MINUTES, TimeUnit.MINUTES);
  }

  /// Waits for its end, which is near once its trainer has left; one on a Unix domain socket that
  /// nobody has used ends too.
  @Override
  public void close() throws IOException {
    if (Files.exists(socket)) {
      // It ends as for a trainer that leaves without a word.
      Transport unused = UnixTransport.connect(socket);
      unused.close();
    }
    try {
      awaitEnd();
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("the worker has not ended as it should", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while the worker ended");
    }
    Files.delete(folder);
  }
}
