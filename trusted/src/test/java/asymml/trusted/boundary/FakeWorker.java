package asymml.trusted.boundary;

import asymml.wire.Deadline;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.TlsTransport;
import asymml.wire.Transport;
import asymml.wire.UnixTransport;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLContext;

/// A worker on a thread of the test, that behaves as a script says.
final class FakeWorker implements AutoCloseable {

  interface Script {
    void serve(Link link, Transport raw) throws Exception;
  }

  private static final AtomicInteger STARTED = new AtomicInteger();

  /// Waits for the one connection.
  private interface Listener {
    Transport accept() throws ProtocolException;
  }

  private final WorkerAddress address;
  private final CompletableFuture<Void> end;

  static Deadline soon() {
    return Deadline.in(Duration.ofMinutes(5));
  }

  private FakeWorker(WorkerAddress address, CompletableFuture<Void> end) {
    this.address = address;
    this.end = end;
  }

  /// Starts one that leaves at the end of its script.
  static FakeWorker start(Path folder, Script script) throws Exception {
    CompletableFuture<WorkerAddress> listening = new CompletableFuture<>();
    Path socket = folder.resolve("fake-" + STARTED.getAndIncrement());
    return start(
        listening,
        () ->
            UnixTransport.accept(
                socket, soon(), () -> listening.complete(new WorkerAddress.Unix(socket))),
        script);
  }

  /// The same on another machine, as far as the trusted side can tell: tensors go through the
  /// stream.
  static FakeWorker remote(SSLContext identity, Script script) throws Exception {
    CompletableFuture<WorkerAddress> listening = new CompletableFuture<>();
    return start(
        listening,
        () ->
            TlsTransport.accept(
                new WorkerAddress.Tls("127.0.0.1", 0),
                identity,
                soon(),
                port -> listening.complete(new WorkerAddress.Tls("127.0.0.1", port)),
                _ -> {}),
        script);
  }

  private static FakeWorker start(
      CompletableFuture<WorkerAddress> listening, Listener listener, Script script)
      throws Exception {
    CompletableFuture<Void> end = new CompletableFuture<>();
    Thread.ofPlatform().daemon().start(() -> run(listener, script, end));
    return new FakeWorker(listening.get(5, TimeUnit.MINUTES), end);
  }

  /// Starts one that answers the greeting properly before its script.
  static FakeWorker polite(Path folder, Script script) throws Exception {
    return start(folder, politely(script));
  }

  /// What [#polite] runs.
  static Script politely(Script script) {
    return (link, raw) -> {
      Message hello = link.receive(soon());
      link.send(
          new Message.Welcome(hello.sequence(), Message.PROTOCOL_VERSION, "fake", "float32", 1),
          soon());
      script.serve(link, raw);
    };
  }

  private static void run(Listener listener, Script script, CompletableFuture<Void> end) {
    try (Transport raw = listener.accept()) {
      script.serve(new Link(raw), raw);
      end.complete(null);
    } catch (ProtocolException e) {
      // The trusted side has left, as it may.
      end.complete(null);
    } catch (Exception e) {
      end.completeExceptionally(e);
    }
  }

  /// Answers a request with nothing but Done. Memory that it is handed it takes and does not keep:
  /// a second region would not be handed over before.
  static Message done(Link link) throws ProtocolException {
    Message request = link.receive(soon());
    if (request instanceof Message.MapRegion map && !link.streamed()) {
      try {
        link.shared(map.sizeBytes()).close();
      } catch (ProtocolException e) {
        throw e;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
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
