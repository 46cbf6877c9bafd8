package asymml.verify;

import asymml.wire.Deadline;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.Region;
import asymml.wire.Slot;
import asymml.wire.UnixTransport;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// A worker on a thread of the test that keeps to the protocol and computes nothing: all its
/// results are 0, until from some request on one value in each is another.
final class FaultyWorker implements AutoCloseable {

  private final Path socket;
  private final int healthyResults;
  private final float value;
  private final String precision;
  private final CompletableFuture<Boolean> listening = new CompletableFuture<>();
  private final Thread thread;
  private @Nullable Region region;
  private int results;

  private static Deadline soon() {
    return Deadline.in(Duration.ofMinutes(5));
  }

  /// @param folder where its socket goes
  /// @param healthyResults how many results are 0
  /// @param value what the results after them hold at one place
  FaultyWorker(Path folder, int healthyResults, float value) throws Exception {
    this(folder, healthyResults, value, "float32");
  }

  /// @param precision what it says that it computes in
  FaultyWorker(Path folder, int healthyResults, float value, String precision) throws Exception {
    this.precision = precision;
    this.socket = folder.resolve("faulty.sock");
    this.healthyResults = healthyResults;
    this.value = value;
    this.thread = Thread.ofPlatform().daemon().name("faulty-worker").start(this::run);
    listening.get(5, TimeUnit.MINUTES);
  }

  WorkerAddress address() {
    return new WorkerAddress.Unix(socket);
  }

  private void run() {
    try (Link link =
        new Link(UnixTransport.accept(socket, soon(), () -> listening.complete(true)))) {
      Message first = link.receive(soon());
      link.send(
          new Message.Welcome(first.sequence(), Message.PROTOCOL_VERSION, "faulty", precision, 1),
          soon());
      Message request = link.receive(soon());
      while (!(request instanceof Message.Bye)) {
        serve(link, request);
        link.send(new Message.Done(request.sequence(), 1), soon());
        request = link.receive(soon());
      }
    } catch (IOException e) {
      // The trainer has left without a goodbye, as it may.
    } finally {
      listening.complete(false);
      if (region != null) {
        region.close();
      }
    }
  }

  private void serve(Link link, Message request) throws IOException {
    switch (request) {
      case Message.MapRegion m -> region = link.shared(m.sizeBytes());
      case Message.Forward m -> answer(m.y());
      case Message.BackwardData m -> answer(m.dx());
      case Message.BackwardWeights m -> answer(m.dw());
      case Message.FoldWeights m -> answer(m.folded());
      case Message.FetchHeld m -> answer(m.values());
      case Message.Hello _,
          Message.DefineOp _,
          Message.LoadWeights _,
          Message.HoldWeights _,
          Message.LoadHeld _,
          Message.KeepDirections _,
          Message.KeepGradient _,
          Message.UpdateWeights _,
          Message.ExpandMask _,
          Message.Bye _,
          Message.Payload _,
          Message.Reply _ -> {}
    }
  }

  private void answer(Slot slot) {
    if (region == null) {
      throw new IllegalStateException("a result before the region");
    }
    MemorySegment result = region.at(slot);
    result.fill((byte) 0);
    if (results++ >= healthyResults) {
      result.setAtIndex(ValueLayout.JAVA_FLOAT, slot.floats() / 2, value);
    }
  }

  @Override
  public void close() {
    thread.interrupt();
    try {
      thread.join(Duration.ofMinutes(5));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
