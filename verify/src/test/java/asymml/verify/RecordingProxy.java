package asymml.verify;

import asymml.wire.Codec;
import asymml.wire.Message;
import asymml.wire.Region;
import asymml.wire.Slot;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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
  private final ServerSocketChannel server;
  private final Path socket;
  private final WorkerAddress.Unix worker;
  private final List<byte[]> canaries;
  private final Future<?> toWorker;
  private final List<Received> received = new ArrayList<>();
  private final List<byte[]> seen = new ArrayList<>();
  private @Nullable Region region;

  /// Starts to listen.
  ///
  /// @param folder where its socket goes
  /// @param worker a worker that waits for its trainer
  /// @param canaries byte patterns to look for in all that passes
  RecordingProxy(Path folder, WorkerAddress.Unix worker, List<byte[]> canaries) throws IOException {
    this.worker = worker;
    this.canaries = List.copyOf(canaries);
    this.socket = folder.resolve("proxy.sock");
    this.server =
        ServerSocketChannel.open(StandardProtocolFamily.UNIX)
            .bind(UnixDomainSocketAddress.of(socket));
    this.toWorker = threads.submit(this::relay, null);
  }

  /// Where the trainer connects.
  WorkerAddress address() {
    return new WorkerAddress.Unix(socket);
  }

  private void relay() {
    try (SocketChannel trainer = server.accept();
        SocketChannel peer = SocketChannel.open(UnixDomainSocketAddress.of(worker.path()))) {
      threads.execute(() -> pump(peer, trainer, false));
      pump(trainer, peer, true);
    } catch (IOException e) {
      throw new IllegalStateException("the proxy broke", e);
    }
  }

  private void pump(SocketChannel from, SocketChannel to, boolean record) {
    ByteBuffer in = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
    try {
      while (from.read(in) >= 0) {
        in.flip();
        int length = Codec.frameLength(in);
        while (length >= 0 && in.remaining() >= length) {
          ByteBuffer frame = in.slice(in.position(), length).order(ByteOrder.LITTLE_ENDIAN);
          in.position(in.position() + length);
          if (record) {
            look(frame.duplicate().order(ByteOrder.LITTLE_ENDIAN));
          }
          while (frame.hasRemaining()) {
            to.write(frame);
          }
          length = Codec.frameLength(in);
        }
        in.compact();
      }
      to.shutdownOutput();
    } catch (AsynchronousCloseException e) {
      // The other direction has ended.
    } catch (IOException e) {
      if (record) {
        throw new IllegalStateException("the proxy broke", e);
      }
    }
  }

  private synchronized void look(ByteBuffer frame) throws IOException {
    byte[] bytes = new byte[frame.remaining()];
    frame.get(bytes);
    search(bytes);
    Message message = Codec.decode(frame.rewind());
    if (message instanceof Message.MapRegion m) {
      if (region != null) {
        region.close();
      }
      region = Region.open(Path.of(m.path()), m.sizeBytes());
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
                case Message.Hello _,
                    Message.MapRegion _,
                    Message.DefineOp _,
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
      server.close();
      threads.shutdownNow();
      synchronized (this) {
        if (region != null) {
          region.close();
        }
      }
    }
  }
}
