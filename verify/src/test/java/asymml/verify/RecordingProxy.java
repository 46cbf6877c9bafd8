package asymml.verify;

import asymml.wire.Codec;
import asymml.wire.Deadline;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.Region;
import asymml.wire.Slot;
import asymml.wire.Transport;
import asymml.wire.UnixTransport;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/// Stands on the Unix socket between a trainer and its worker and sees what the worker could see:
/// every request, the tensors it names as they were when it passed, and all of the shared memory,
/// named or not, which it searches for canaries at every request.
final class RecordingProxy implements AutoCloseable {
  /// A request and its operands, in the order of the record's components.
  record Received(Message.Request request, List<float[]> operands) {}

  private final ExecutorService threads =
      Executors.newThreadPerTaskExecutor(Thread.ofPlatform().daemon().name("proxy-", 0).factory());
  private final Path socket;
  private final WorkerAddress.Unix worker;
  private final List<byte[]> canaries;
  private final Future<?> toWorker;
  private final List<Received> received = new ArrayList<>();
  private final List<byte[]> seen = new ArrayList<>();
  private @Nullable Region region;
  private volatile boolean left;

  /// Starts to listen.
  ///
  /// @param folder where its socket goes
  /// @param worker a worker that waits for its trainer
  /// @param canaries byte patterns to look for in all that passes
  RecordingProxy(Path folder, WorkerAddress.Unix worker, List<byte[]> canaries) throws IOException {
    this.worker = worker;
    this.canaries = List.copyOf(canaries);
    this.socket = folder.resolve("proxy.sock");
    CompletableFuture<Boolean> listening = new CompletableFuture<>();
    this.toWorker = threads.submit(() -> relay(listening), null);
    listening.join();
  }

  /// Where the trainer connects.
  WorkerAddress address() {
    return new WorkerAddress.Unix(socket);
  }

  private void relay(CompletableFuture<Boolean> listening) {
    try (Transport trainer =
            UnixTransport.accept(
                socket, Deadline.in(Duration.ofMinutes(5)), () -> listening.complete(true));
        Transport peer = UnixTransport.connect(worker.path())) {
      Future<?> back = threads.submit(() -> pumpBack(peer, trainer));
      pumpUntilOneLeaves(trainer, peer);
      if (received().isEmpty() || !(received().getLast().request() instanceof Message.Bye)) {
        leave(peer);
      }
      // A worker leaves when it is told goodbye, or its peer has left.
      back.get(5, TimeUnit.MINUTES);
    } catch (IOException | InterruptedException | ExecutionException | TimeoutException e) {
      throw new IllegalStateException("the proxy broke", e);
    } finally {
      listening.complete(false);
    }
  }

  private void pumpUntilOneLeaves(Transport trainer, Transport peer) throws IOException {
    try {
      pump(trainer, peer);
    } catch (ProtocolException e) {
      if (!left) {
        throw e;
      }
    }
  }

  /// The trainer left without a word, and so does its proxy.
  private static void leave(Transport peer) throws IOException {
    peer.close();
  }

  private void pumpBack(Transport from, Transport to) {
    ByteBuffer in = ByteBuffer.allocateDirect(1 << 16);
    try {
      while (from.read(in.clear(), Deadline.NEVER) >= 0) {
        to.write(in.flip(), Deadline.NEVER);
      }
    } catch (ProtocolException e) {
      // One of the two has left.
    } finally {
      // A trainer that waits for an answer would wait for its time limit.
      left = true;
      to.close();
    }
  }

  /// Passes requests on, one by one, until there are no more.
  private void pump(Transport from, Transport to) throws IOException {
    ByteBuffer in = ByteBuffer.allocateDirect(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
    while (from.read(in, Deadline.NEVER) >= 0) {
      in.flip();
      int length = Codec.frameLength(in);
      while (length >= 0 && in.remaining() >= length) {
        ByteBuffer frame = in.slice(in.position(), length).order(ByteOrder.LITTLE_ENDIAN);
        in.position(in.position() + length);
        look(frame.duplicate().order(ByteOrder.LITTLE_ENDIAN), from, to);
        to.write(frame, Deadline.NEVER);
        length = Codec.frameLength(in);
      }
      in.compact();
    }
  }

  private synchronized void look(ByteBuffer frame, Transport from, Transport to)
      throws IOException {
    byte[] bytes = new byte[frame.remaining()];
    frame.get(bytes);
    search(bytes);
    Message message = Codec.decode(frame.rewind());
    if (message instanceof Message.MapRegion m) {
      if (region != null) {
        region.close();
      }
      region = from.shared(m.sizeBytes());
      to.share(region);
    }
    if (region != null) {
      search(
          region.at(new Slot(0, region.sizeBytes() / Float.BYTES)).toArray(ValueLayout.JAVA_BYTE));
    }
    if (message instanceof Message.Request request) {
      received.add(
          new Received(
              request,
              switch (request) {
                case Message.LoadWeights m -> List.of(floats(m.weights()));
                case Message.Forward m -> List.of(floats(m.x()));
                case Message.BackwardData m -> List.of(floats(m.dy()));
                case Message.BackwardWeights m -> List.of(floats(m.x()), floats(m.dy()));
                case Message.HoldWeights m -> List.of(floats(m.weights()), floats(m.velocity()));
                case Message.KeepDirections m -> List.of(floats(m.directions()));
                case Message.KeepGradient m -> List.of(floats(m.x()), floats(m.dy()));
                case Message.UpdateWeights m -> List.of(floats(m.factor()));
                case Message.Hello _,
                    Message.MapRegion _,
                    Message.DefineOp _,
                    Message.LoadHeld _,
                    Message.FoldWeights _,
                    Message.FetchHeld _,
                    Message.ExpandMask _,
                    Message.Bye _ ->
                    List.of();
              }));
    }
  }

  private float[] floats(Slot slot) {
    if (region == null) {
      throw new IllegalStateException("a tensor before the region");
    }
    return region.at(slot).toArray(ValueLayout.JAVA_FLOAT);
  }

  // One char a byte, so that the search is that of strings.
  private void search(byte[] bytes) {
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    for (byte[] canary : canaries) {
      if (text.contains(new String(canary, StandardCharsets.ISO_8859_1))) {
        seen.add(canary);
      }
    }
  }

  /// What has passed so far, in order.
  synchronized List<Received> received() {
    return List.copyOf(received);
  }

  /// Whether a canary has passed, or stood in the shared memory when something passed.
  synchronized boolean saw(byte[] canary) {
    return seen.contains(canary);
  }

  /// Ends the connection and tells whether the proxy did its work to the end.
  @Override
  public void close() throws IOException {
    try {
      toWorker.get(5, TimeUnit.MINUTES);
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      throw new IOException("the proxy broke", e);
    } finally {
      threads.shutdownNow();
      synchronized (this) {
        if (region != null) {
          region.close();
        }
      }
    }
  }
}
