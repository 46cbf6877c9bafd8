package asymml.trusted.split;

import asymml.kernels.ConvShape;
import asymml.kernels.GaussianMasks;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.ReleaseLog;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.SeededSecureRandom;
import asymml.wire.Deadline;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.OpDescriptor;
import asymml.wire.ProtocolException;
import asymml.wire.Region;
import asymml.wire.Slot;
import asymml.wire.UnixTransport;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/// A worker on a thread of the test that computes in double precision and rounds once, keeps what
/// it is asked, and misbehaves if it is told to. Its door's noise is seeded.
final class OracleWorker implements AutoCloseable {
  /// A request, as the worker saw it.
  ///
  /// @param message the request
  /// @param operands what stood where it says, in the order in which it says it
  record Asked(Message message, List<FloatBuffer> operands) {
    double[] operand(int index) {
      return OracleLayer.doubles(operands.get(index).array());
    }
  }

  /// Weights that are updated here, by definition.
  private static final class Held {
    private final double[] weights;
    private final double[] velocity;
    private double[] directions = {};
    private double[] gradient = {};

    Held(double[] weights, double[] velocity) {
      this.weights = weights;
      this.velocity = velocity;
    }

    /// `W D^T`.
    double[] folded(int channels) {
      int count = directions.length / channels;
      double[] folded = new double[weights.length / channels * count];
      for (int i = 0; i < weights.length; i++) {
        for (int j = 0; j < count; j++) {
          folded[i / channels * count + j] += weights[i] * directions[j * channels + i % channels];
        }
      }
      return folded;
    }

    void update(double[] factor, int channels, Message.UpdateWeights m) {
      int count = directions.length / channels;
      for (int i = 0; i < weights.length; i++) {
        double g = gradient[i] + m.weightDecay() * weights[i];
        for (int j = 0; j < count; j++) {
          g += factor[i / channels * count + j] * directions[j * channels + i % channels];
        }
        velocity[i] = m.momentum() * velocity[i] + g;
        weights[i] -= m.rate() * velocity[i];
      }
    }
  }

  private static final Duration LIMIT = Duration.ofMinutes(5);

  private final Path socket;
  private final CompletableFuture<Boolean> listening = new CompletableFuture<>();
  private final Thread thread;
  private final Map<Integer, ConvShape> shapes = new HashMap<>();
  private final Map<Integer, double[]> weights = new HashMap<>();
  private final Map<Integer, Held> held = new HashMap<>();
  private final List<Asked> asked = new ArrayList<>();
  private final RemoteWorker remote;
  private final ReleaseDoor door;
  private final ReleaseLog log = new ReleaseLog();
  private @Nullable Region region;
  private @Nullable Class<? extends Message> spoils;
  private @Nullable Class<? extends Message> refuses;
  private @Nullable Class<? extends Message> shifts;
  private @Nullable Class<? extends Message> lies;
  private BiFunction<ConvShape, double[], double[]> lie = (_, values) -> values;

  /// Starts it and connects.
  ///
  /// @param socket a file that does not exist
  /// @param seed of the door's noise
  OracleWorker(Path socket, long seed) throws Exception {
    this.socket = socket;
    this.thread = Thread.ofPlatform().daemon().name("oracle-worker").start(this::run);
    listening.get(5, TimeUnit.MINUTES);
    remote = RemoteWorker.connect(new WorkerAddress.Unix(socket), null, LIMIT);
    door = new ReleaseDoor(remote, new SeededSecureRandom(seed), 2);
    door.log(log);
  }

  Workers.Party party() {
    return new Workers.Party(remote, door);
  }

  /// What may leave; the door's, until somebody gives it another.
  ReleaseLog log() {
    return log;
  }

  /// The results of requests of a kind hold a NaN from now on.
  synchronized void spoil(Class<? extends Message> kind) {
    spoils = kind;
  }

  /// The results of requests of a kind are 1 too large from now on.
  synchronized void shift(Class<? extends Message> kind) {
    shifts = kind;
  }

  /// The results of requests of a kind are others from now on.
  ///
  /// @param other what is returned, of the layer's shape and the right result
  synchronized void lie(
      Class<? extends Message> kind, BiFunction<ConvShape, double[], double[]> other) {
    lies = kind;
    lie = other;
  }

  /// What it knows of the weights of the one layer of a shape, `[O, kH, kW, C]`.
  synchronized double[] weights(ConvShape shape) {
    for (Map.Entry<Integer, ConvShape> op : shapes.entrySet()) {
      if (op.getValue().equals(shape)) {
        return w(op.getKey()).clone();
      }
    }
    throw new AssertionError("no layer of the shape " + shape);
  }

  /// Requests of a kind are refused from now on.
  synchronized void refuse(Class<? extends Message> kind) {
    refuses = kind;
  }

  /// Requests of a kind that were answered, and any request before the last one awaited was.
  synchronized List<Asked> asked(Class<? extends Message> kind) {
    return asked.stream().filter(request -> kind.isInstance(request.message)).toList();
  }

  /// The one request of a kind.
  Asked only(Class<? extends Message> kind) {
    List<Asked> all = asked(kind);
    if (all.size() != 1) {
      throw new AssertionError(all.size() + " requests of the kind " + kind.getSimpleName());
    }
    return all.getFirst();
  }

  synchronized void forgetAsked() {
    asked.clear();
  }

  private static Deadline soon() {
    return Deadline.in(LIMIT);
  }

  private void run() {
    try (Link link =
        new Link(UnixTransport.accept(socket, soon(), () -> listening.complete(true)))) {
      Message request = link.receive(soon());
      link.send(
          new Message.Welcome(request.sequence(), Message.PROTOCOL_VERSION, "oracle", "float32", 1),
          soon());
      request = link.receive(soon());
      while (!(request instanceof Message.Bye)) {
        link.send(answer(link, request), soon());
        request = link.receive(soon());
      }
    } catch (ProtocolException e) {
      // The trusted side has left, as it may.
    } catch (IOException e) {
      throw new AssertionError(e);
    } finally {
      listening.complete(false);
      if (region != null) {
        region.close();
      }
    }
  }

  private synchronized Message answer(Link link, Message request) throws IOException {
    if (refuses != null && refuses.isInstance(request)) {
      return new Message.Failed(request.sequence(), "out of memory");
    }
    serve(link, request);
    return new Message.Done(request.sequence(), 1);
  }

  private void serve(Link link, Message request) throws IOException {
    switch (request) {
      case Message.MapRegion m -> region = link.shared(m.sizeBytes());
      case Message.DefineOp m -> {
        note(m);
        shapes.put(m.opId(), shape(m.op()));
      }
      case Message.LoadWeights m -> weights.put(m.opId(), note(m, m.weights()).operand(0));
      case Message.Forward m ->
          put(
              m,
              m.y(),
              m.opId(),
              OracleLayer.forward(shape(m.opId()), note(m, m.x()).operand(0), w(m.opId())));
      case Message.BackwardData m ->
          put(
              m,
              m.dx(),
              m.opId(),
              OracleLayer.backwardData(shape(m.opId()), note(m, m.dy()).operand(0), w(m.opId())));
      case Message.BackwardWeights m -> {
        Asked both = note(m, m.x(), m.dy());
        put(
            m,
            m.dw(),
            m.opId(),
            OracleLayer.backwardWeights(shape(m.opId()), both.operand(0), both.operand(1)));
      }
      case Message.HoldWeights m -> {
        Asked both = note(m, m.weights(), m.velocity());
        held.put(m.opId(), new Held(both.operand(0), both.operand(1)));
      }
      case Message.LoadHeld m -> {
        note(m);
        weights.put(m.opId(), held(m.holder()).weights.clone());
      }
      case Message.KeepDirections m ->
          held(m.holder()).directions = note(m, m.directions()).operand(0);
      case Message.FoldWeights m -> {
        note(m);
        put(m, m.folded(), m.holder(), held(m.holder()).folded(shape(m.holder()).inChannels()));
      }
      case Message.KeepGradient m -> {
        Asked both = note(m, m.x(), m.dy());
        held(m.holder()).gradient =
            OracleLayer.backwardWeights(shape(m.opId()), both.operand(0), both.operand(1));
      }
      case Message.UpdateWeights m ->
          held(m.holder())
              .update(note(m, m.factor()).operand(0), shape(m.holder()).inChannels(), m);
      case Message.FetchHeld m -> {
        note(m);
        Held own = held(m.holder());
        put(m, m.values(), m.holder(), m.momentum() ? own.velocity : own.weights);
      }
      case Message.ExpandMask m -> {
        try (GaussianMasks masks = new GaussianMasks(1)) {
          masks.write(m.key().bytes(), m.deviation(), m.examples(), at(m.masks()));
        }
        note(m, m.masks());
      }
      case Message.Hello _, Message.Bye _, Message.Payload _, Message.Reply _ ->
          throw new AssertionError("not expected: " + request);
    }
  }

  private Asked note(Message request, Slot... operands) {
    List<FloatBuffer> values = new ArrayList<>();
    for (Slot slot : operands) {
      values.add(FloatBuffer.wrap(at(slot).toArray(ValueLayout.JAVA_FLOAT)));
    }
    Asked noted = new Asked(request, List.copyOf(values));
    asked.add(noted);
    return noted;
  }

  private void put(Message request, Slot slot, int opId, double[] right) {
    double[] values =
        lies != null && lies.isInstance(request) ? lie.apply(shape(opId), right) : right;
    MemorySegment to = at(slot);
    double more = shifts != null && shifts.isInstance(request) ? 1 : 0;
    for (int i = 0; i < values.length; i++) {
      to.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (values[i] + more));
    }
    if (spoils != null && spoils.isInstance(request)) {
      to.setAtIndex(ValueLayout.JAVA_FLOAT, values.length - 1L, Float.NaN);
    }
  }

  private MemorySegment at(Slot slot) {
    return Objects.requireNonNull(region).at(slot);
  }

  private ConvShape shape(int opId) {
    return Objects.requireNonNull(shapes.get(opId));
  }

  private Held held(int holder) {
    return Objects.requireNonNull(held.get(holder));
  }

  private double[] w(int opId) {
    return Objects.requireNonNull(weights.get(opId));
  }

  static ConvShape shape(OpDescriptor op) {
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

  @Override
  public void close() {
    door.close();
    remote.close();
    try {
      thread.join(LIMIT);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
