package asymml.session;

import asymml.wire.Deadline;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.Transport;
import asymml.wire.UnixTransport;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/// A worker on a thread of the test that greets and then answers nothing: who connects to it, and
/// whether they leave.
final class FakeWorker {
  private final Path socket;
  private final int protocolVersion;
  private final CompletableFuture<Void> listening = new CompletableFuture<>();
  private final CompletableFuture<Void> left = new CompletableFuture<>();

  private FakeWorker(Path socket, int protocolVersion) {
    this.socket = socket;
    this.protocolVersion = protocolVersion;
  }

  static FakeWorker start(Path socket) throws Exception {
    return start(socket, Message.PROTOCOL_VERSION);
  }

  static FakeWorker start(Path socket, int protocolVersion) throws Exception {
    FakeWorker worker = new FakeWorker(socket, protocolVersion);
    Thread.ofPlatform().daemon().start(worker::run);
    worker.listening.get(5, TimeUnit.MINUTES);
    return worker;
  }

  private static Deadline soon() {
    return Deadline.in(Duration.ofMinutes(5));
  }

  private void run() {
    try (Transport raw = UnixTransport.accept(socket, soon(), () -> listening.complete(null))) {
      Link link = new Link(raw);
      Message hello = link.receive(soon());
      link.send(
          new Message.Welcome(hello.sequence(), protocolVersion, "fake", "float32", 1), soon());
      Message next = link.receive(soon());
      while (!(next instanceof Message.Bye)) {
        link.send(new Message.Failed(next.sequence(), "this worker only greets"), soon());
        next = link.receive(soon());
      }
      left.complete(null);
    } catch (ProtocolException e) {
      left.complete(null); // the other side has gone without a word
    } catch (RuntimeException e) {
      left.completeExceptionally(e);
    }
  }

  WorkerChoice choice() {
    return WorkerChoice.parse("unix:" + socket);
  }

  boolean isConnected() {
    return !left.isDone();
  }

  /// Waits until the trusted side has left.
  void awaitLeft() throws Exception {
    left.get(5, TimeUnit.MINUTES);
  }
}
