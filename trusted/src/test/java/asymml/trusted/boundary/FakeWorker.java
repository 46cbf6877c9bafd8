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

/// A worker on a thread of the test, that behaves as a script says.
final class FakeWorker implements AutoCloseable {

  interface Script {
    void serve(Link link, Transport raw) throws Exception;
  }

  private final WorkerAddress address;
  private final CompletableFuture<Void> end = new CompletableFuture<>();
  private final Thread thread;

  static Deadline soon() {
    return Deadline.in(Duration.ofMinutes(5));
  }

  private FakeWorker(Path socket, CompletableFuture<Void> listening, Script script) {
    this.address = new WorkerAddress.Unix(socket);
    this.thread = Thread.ofPlatform().daemon().start(() -> run(socket, listening, script));
  }

  /// Starts one that leaves at the end of its script.
  static FakeWorker start(Path folder, Script script) throws Exception {
    CompletableFuture<Void> listening = new CompletableFuture<>();
    Path socket = folder.resolve("fake-" + System.nanoTime());
    FakeWorker worker = new FakeWorker(socket, listening, script);
    listening.get(10, TimeUnit.SECONDS);
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
    } catch (ProtocolException | InterruptedException e) {
      // The trusted side has left, as it may, or the test is over.
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

  /// Waits for the end of the script, interrupts it if it stalls, and throws what it threw.
  @Override
  public void close() throws IOException {
    try {
      if (!thread.join(Duration.ofMillis(300))) {
        thread.interrupt();
      }
      end.get(10, TimeUnit.SECONDS);
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      throw new IOException("the fake worker failed", e);
    }
  }
}
