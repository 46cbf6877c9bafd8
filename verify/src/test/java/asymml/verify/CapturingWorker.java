package asymml.verify;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Convolution.Pass;
import asymml.kernels.GaussianMasks;
import asymml.kernels.Tensor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.wire.Deadline;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.OpDescriptor;
import asymml.wire.Region;
import asymml.wire.Slot;
import asymml.wire.UnixTransport;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// A worker on a thread of the test that computes as it should and keeps all that it is sent and
/// all that it answers.
final class CapturingWorker implements AutoCloseable {
  /// What kind of tensor was sent.
  enum Kind {
    WEIGHTS,
    INPUT,
    GRADIENT,
    MOMENTUM,
    BASIS,
    FACTOR
  }

  /// A tensor that an operation was asked to work on.
  ///
  /// @param op the operation's place in the order in which operations were defined
  /// @param kind what it stands for
  /// @param values what stood there
  record Sent(int op, Kind kind, FloatBuffer values) {}

  /// What was seen since the last look.
  ///
  /// @param sent operands of requests, in order
  /// @param weightGradients what was answered, by the operation's place
  /// @param masks what this worker wrote itself from keys, by place in the region; the latest each
  record Seen(List<Sent> sent, Map<Integer, float[]> weightGradients, List<float[]> masks) {}

  private final Path socket;
  private final CompletableFuture<Boolean> listening = new CompletableFuture<>();
  private final Thread thread;
  private final Map<Integer, Convolution> operations = new LinkedHashMap<>();
  private final Map<Integer, Integer> places = new HashMap<>();
  private final GaussianMasks masks = new GaussianMasks(1);
  private final RemoteWorker remote;
  private final List<Sent> sent = new ArrayList<>();
  private final Map<Integer, float[]> weightGradients = new HashMap<>();
  private final List<float[]> expanded = new ArrayList<>();
  private final Map<Integer, float[]> held = new HashMap<>();
  private final Map<Integer, float[]> directions = new HashMap<>();
  private @Nullable Region region;

  private static Deadline soon() {
    return Deadline.in(Duration.ofMinutes(1));
  }

  /// Starts it and connects.
  ///
  /// @param socket a file that does not exist
  CapturingWorker(Path socket) throws Exception {
    this.socket = socket;
    this.thread = Thread.ofPlatform().daemon().name("capturing-worker").start(this::run);
    listening.get(1, TimeUnit.MINUTES);
    remote = RemoteWorker.connect(new WorkerAddress.Unix(socket), null, Duration.ofMinutes(1));
  }

  RemoteWorker remote() {
    return remote;
  }

  /// Takes what was seen since the last call.
  synchronized Seen take() {
    Seen seen = new Seen(List.copyOf(sent), new HashMap<>(weightGradients), List.copyOf(expanded));
    sent.clear();
    weightGradients.clear();
    expanded.clear();
    return seen;
  }

  private void run() {
    try (Link link =
        new Link(UnixTransport.accept(socket, soon(), () -> listening.complete(true)))) {
      Message first = link.receive(soon());
      link.send(
          new Message.Welcome(
              first.sequence(), Message.PROTOCOL_VERSION, "capturing", "float32", 1),
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
      operations.values().forEach(Convolution::close);
      masks.close();
      if (region != null) {
        region.close();
      }
    }
  }

  private synchronized void serve(Link link, Message request) throws IOException {
    switch (request) {
      case Message.MapRegion m -> region = link.shared(m.sizeBytes());
      case Message.DefineOp m -> {
        places.put(m.opId(), places.size());
        operations.put(m.opId(), new Convolution(shape(m.op()), EnumSet.allOf(Pass.class)));
      }
      case Message.LoadWeights m -> {
        see(m.opId(), Kind.WEIGHTS, m.weights());
        Convolution op = op(m.opId());
        op.loadWeights(at(m.weights(), op.shape().weightAxes()));
      }
      case Message.Forward m -> {
        see(m.opId(), Kind.INPUT, m.x());
        Convolution op = op(m.opId());
        op.forward(at(m.x(), op.shape().inputAxes()), at(m.y(), op.shape().outputAxes()));
      }
      case Message.BackwardData m -> {
        see(m.opId(), Kind.GRADIENT, m.dy());
        Convolution op = op(m.opId());
        op.backwardData(at(m.dy(), op.shape().outputAxes()), at(m.dx(), op.shape().inputAxes()));
      }
      case Message.BackwardWeights m -> {
        see(m.opId(), Kind.INPUT, m.x());
        see(m.opId(), Kind.GRADIENT, m.dy());
        Convolution op = op(m.opId());
        Tensor dw = at(m.dw(), op.shape().weightAxes());
        op.backwardWeights(
            at(m.x(), op.shape().inputAxes()), at(m.dy(), op.shape().outputAxes()), dw);
        weightGradients.put(place(m.opId()), dw.toArray());
      }
      case Message.HoldWeights m -> {
        see(m.opId(), Kind.WEIGHTS, m.weights());
        see(m.opId(), Kind.MOMENTUM, m.velocity());
        held.put(m.opId(), floats(m.weights()));
      }
      case Message.LoadHeld m -> {
        Convolution op = op(m.opId());
        try (Arena scratch = Arena.ofConfined()) {
          op.loadWeights(
              Tensor.allocate(scratch, op.shape().weightAxes()).copyFrom(held(m.holder())));
        }
      }
      case Message.KeepDirections m -> {
        see(m.holder(), Kind.BASIS, m.directions());
        directions.put(m.holder(), floats(m.directions()));
      }
      case Message.FoldWeights m -> fold(m);
      case Message.KeepGradient m -> {
        see(m.opId(), Kind.INPUT, m.x());
        see(m.opId(), Kind.GRADIENT, m.dy());
      }
      // The weights stay: no step here is updated either.
      case Message.UpdateWeights m -> see(m.holder(), Kind.FACTOR, m.factor());
      case Message.FetchHeld m ->
          at(m.values(), op(m.holder()).shape().weightAxes()).copyFrom(held(m.holder()));
      case Message.ExpandMask m -> {
        masks.write(m.key().bytes(), m.deviation(), m.examples(), mapped().at(m.masks()));
        expanded.add(floats(m.masks()));
      }
      case Message.Hello _, Message.Bye _, Message.Payload _, Message.Reply _ ->
          throw new IllegalStateException("not expected: " + request);
    }
  }

  private float[] held(int holder) {
    return Objects.requireNonNull(held.get(holder));
  }

  private void fold(Message.FoldWeights m) {
    float[] weights = held(m.holder());
    float[] basis = Objects.requireNonNull(directions.get(m.holder()));
    int channels = op(m.holder()).shape().inChannels();
    int count = basis.length / channels;
    Tensor folded = at(m.folded(), new int[] {weights.length / channels, count});
    for (int row = 0; row < weights.length / channels; row++) {
      for (int j = 0; j < count; j++) {
        double sum = 0;
        for (int c = 0; c < channels; c++) {
          sum += (double) weights[row * channels + c] * basis[j * channels + c];
        }
        folded.set((long) row * count + j, (float) sum);
      }
    }
  }

  private static ConvShape shape(OpDescriptor op) {
    return new ConvShape(
        op.batch(),
        op.height(),
        op.width(),
        op.inChannels(),
        op.outChannels(),
        op.kernelHeight(),
        op.kernelWidth(),
        op.stride(),
        op.padding());
  }

  private void see(int opId, Kind kind, Slot slot) {
    sent.add(new Sent(place(opId), kind, FloatBuffer.wrap(floats(slot))));
  }

  private int place(int opId) {
    Integer place = places.get(opId);
    if (place == null) {
      throw new IllegalStateException("operation " + opId + " is not defined");
    }
    return place;
  }

  private Convolution op(int opId) {
    Convolution op = operations.get(opId);
    if (op == null) {
      throw new IllegalStateException("operation " + opId + " is not defined");
    }
    return op;
  }

  private Tensor at(Slot slot, int[] axes) {
    return Tensor.of(mapped().at(slot), axes);
  }

  private float[] floats(Slot slot) {
    return mapped().at(slot).toArray(ValueLayout.JAVA_FLOAT);
  }

  private Region mapped() {
    if (region == null) {
      throw new IllegalStateException("a tensor before the region");
    }
    return region;
  }

  @Override
  public void close() {
    remote.close();
    try {
      thread.join(Duration.ofMinutes(5));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
