package asymml.trusted.boundary;

import asymml.wire.Deadline;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.Transport;
import asymml.wire.UnixTransport;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/// A worker on a thread of the test, that behaves as a script says.
final class FakeWorker implements AutoCloseable {

  interface Script {
    void serve(Link link, Transport raw) throws Exception;
  }

  private static final AtomicInteger STARTED = new AtomicInteger();

  private final WorkerAddress address;
  private final CompletableFuture<Void> end = new CompletableFuture<>();

  static Deadline soon() {
    return Deadline.in(Duration.ofMinutes(5));
  }

  private FakeWorker(Path socket, CompletableFuture<Void> listening, Script script) {
    this.address = new WorkerAddress.Unix(socket);
    Thread.ofPlatform().daemon().start(() -> run(socket, listening, script));
  }

  /// Starts one that leaves at the end of its script.
  static FakeWorker start(Path folder, Script script) throws Exception {
    CompletableFuture<Void> listening = new CompletableFuture<>();
    Path socket = folder.resolve("fake-" + STARTED.getAndIncrement());
    FakeWorker worker = new FakeWorker(socket, listening, script);
    listening.get(5, TimeUnit.MINUTES);
    return worker;
  }

  /// Starts one that answers the greeting properly before its script.
  static FakeWorker polite(Path folder, Script script) throws Exception {
    return start(
        folder,
        (link, raw) -> {
          Message hello = link.receive(soon());
          link.send(
              new Message.Welcome(hello.sequence(), Message.PROTOCOL_VERSION, "fake", "float32", 1),
              soon());
          script.serve(link, raw);
        });
  }

  private void run(Path socket, CompletableFuture<Void> listening, Script script) {
    try (Transport raw = UnixTransport.accept(socket, soon(), () -> listening.complete(null))) {
      script.serve(new Link(raw), raw);
      end.complete(null);
    } catch (ProtocolException e) {
      // The trusted side has left, as it may.
      end.complete(null);
    } catch (Exception e) {
      end.completeExceptionally(e);
    }
  }

  /// Answers a request with nothing but Done.
  static Message done(Link link) throws ProtocolException {
    Message request = link.receive(soon());
    link.send(new Message.Done(request.sequence(), 5), soon());
    return request;
  }

  WorkerAddress address() {
    return address;
  }

  /// Waits for the end of the script, which a connection that ends brings about, and throws what it
  /// threw.
  @Override
  public void close() throws IOException {
    try {
      end.get(5, TimeUnit.MINUTES);
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      throw new IOException("the fake worker failed", e);
    }
  }
}
