package asymml.analysis;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.wire.Message;
import asymml.wire.OpDescriptor;
import asymml.wire.RecordedEvent;
import asymml.wire.Recording;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A worker's recording as an adversary sorts it: for each operation the weights it had and the
/// passes it made. Everything here is what the worker received or computed from that; there is no
/// path from here to data of the trusted side.
///
/// The worker does not know which operations are the same layer for another batch size; their
/// shapes and weights tell.
public final class WorkerView implements AutoCloseable {
  /// One operation.
  ///
  /// @param id its number
  /// @param shape its shape, with the batch N
  /// @param weights W `[O, kH, kW, C]`, one for each time that they came, in order
  /// @param passes in order
  public record Operation(int id, ConvShape shape, List<Tensor> weights, List<Pass> passes) {
    /// Copies the lists.
    public Operation {
      weights = List.copyOf(weights);
      passes = List.copyOf(passes);
    }
  }

  /// One forward pass of an operation, and what followed of its backward pass. A plan can withhold
  /// parts of that, and a recording can end before them.
  ///
  /// @param weights which of the operation's weights it used, from 0
  /// @param x X `[N, H, W, C]` as received
  /// @param y Y `[N, OH, OW, O]`
  /// @param dy dY `[N, OH, OW, O]` as received, or null
  /// @param dx dX `[N, H, W, C]`, or null
  /// @param dw dW `[O, kH, kW, C]`, or null
  public record Pass(
      int weights,
      Tensor x,
      Tensor y,
      @Nullable Tensor dy,
      @Nullable Tensor dx,
      @Nullable Tensor dw) {}

  private static final class Building {
    final ConvShape shape;
    final List<Tensor> weights = new ArrayList<>();
    final List<Pass> passes = new ArrayList<>();
    @Nullable Tensor directions;
    double @Nullable [] updated; // the whole gradient of the first update

    Building(ConvShape shape) {
      this.shape = shape;
    }
  }

  private final Recording recording;
  private final List<Operation> operations;
  private final Map<Integer, double[]> firstUpdates = new HashMap<>();

  private WorkerView(Path file, Recording recording) throws IOException {
    this.recording = recording;
    this.operations = sort(file, recording.events());
  }

  /// Opens a recording.
  ///
  /// @param file that `asymml worker --record` wrote
  /// @return the view; the caller closes it, and its tensors with it
  /// @throws IOException one line, if the file is no sound recording
  public static WorkerView open(Path file) throws IOException {
    Recording recording = Recording.open(file);
    boolean sorted = false;
    try {
      WorkerView view = new WorkerView(file, recording);
      sorted = true;
      return view;
    } finally {
      if (!sorted) {
        recording.close();
      }
    }
  }

  private List<Operation> sort(Path file, List<RecordedEvent> events) throws IOException {
    Map<Integer, Building> ops = new LinkedHashMap<>();
    for (RecordedEvent event : events) {
      if (event instanceof RecordedEvent.DefineOp(long _, int id, OpDescriptor op)) {
        ops.put(id, new Building(shape(op)));
        continue;
      }
      Building op = ops.get(event.opId());
      if (op == null) {
        throw new IllegalStateException("a recording defines operations before it uses them");
      }
      if (!add(op, event)) {
        throw new IOException(
            file + " has a pass of op " + event.opId() + " without what must come before it");
      }
    }
    List<Operation> sorted = new ArrayList<>();
    // No layer of a network, and computed on no data.
    ops.remove(Message.CHECK_OP_ID);
    ops.forEach((id, op) -> {
      sorted.add(new Operation(id, op.shape, op.weights, op.passes));
      if (op.updated != null) {
        firstUpdates.put(id, op.updated);
      }
    });
    return List.copyOf(sorted);
  }

  private static boolean add(Building op, RecordedEvent event) {
    switch (event) {
      case RecordedEvent.DefineOp _ ->
          throw new IllegalStateException("a definition is no part of an operation");
      case RecordedEvent.LoadWeights e ->
          op.weights.add(Tensor.of(e.weights(), op.shape.weightAxes()));
      case RecordedEvent.Forward e -> {
        if (op.weights.isEmpty()) {
          return false;
        }
        op.passes.add(
            new Pass(op.weights.size() - 1, input(op, e.x()), output(op, e.y()), null, null, null));
      }
      case RecordedEvent.BackwardData e -> {
        if (op.passes.isEmpty()) {
          return false;
        }
        Pass p = op.passes.removeLast();
        op.passes.add(new Pass(p.weights, p.x, p.y, output(op, e.dy()), input(op, e.dx()), p.dw));
      }
      case RecordedEvent.Received e -> {
        return receive(op, e);
      }
      case RecordedEvent.BackwardWeights e -> {
        if (op.passes.isEmpty()) {
          return false;
        }
        Pass p = op.passes.removeLast();
        Tensor dw = Tensor.of(e.dw(), op.shape.weightAxes());
        op.passes.add(new Pass(p.weights, input(op, e.x()), p.y, output(op, e.dy()), p.dx, dw));
      }
    }
    return true;
  }

  /// Takes what came for weights that are updated there; they themselves show as those of each
  /// step.
  private static boolean receive(Building op, RecordedEvent.Received event) {
    int channels = op.shape.inChannels();
    int floats = Math.toIntExact(event.values().byteSize() / Float.BYTES);
    switch (event.what()) {
      case MOMENTUM -> {}
      case DIRECTIONS -> op.directions = Tensor.of(event.values(), floats / channels, channels);
      case FACTOR -> {
        Tensor own = op.passes.isEmpty() ? null : op.passes.getLast().dw;
        if (op.directions == null || own == null) {
          return false;
        }
        if (op.updated == null) {
          op.updated = gradient(own, event.values(), op.directions);
        }
      }
    }
    return true;
  }

  /// `dW + G D`, with the worker's own dW.
  private static double[] gradient(Tensor own, MemorySegment factor, Tensor directions) {
    int count = directions.length(0);
    int channels = directions.length(1);
    double[] gradient = new double[Math.toIntExact(own.size())];
    for (int i = 0; i < gradient.length; i++) {
      gradient[i] = own.get(i);
      for (int j = 0; j < count; j++) {
        long at = (long) (i / channels) * count + j;
        gradient[i] +=
            (double) factor.getAtIndex(ValueLayout.JAVA_FLOAT, at)
                * directions.get((long) j * channels + i % channels);
      }
    }
    return gradient;
  }

  private static Tensor input(Building op, MemorySegment values) {
    return Tensor.of(values, op.shape.inputAxes());
  }

  private static Tensor output(Building op, MemorySegment values) {
    return Tensor.of(values, op.shape.outputAxes());
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

  /// What the worker was asked to compute.
  ///
  /// @return in the order in which they were defined
  public List<Operation> operations() {
    return operations;
  }

  /// The whole gradient of an operation's weights in the first step, as a worker that updates them
  /// has it: its own part, and the trusted side's `G D`.
  ///
  /// @param op whose number weights are held under
  /// @return dW `[O, kH, kW, C]`; null if weights are not updated there
  public double @Nullable [] firstUpdate(Operation op) {
    double[] gradient = firstUpdates.get(op.id());
    return gradient == null ? null : gradient.clone();
  }

  /// What happened, in the order of the requests.
  ///
  /// @return all events
  public List<RecordedEvent> events() {
    return recording.events();
  }

  /// Whether something may be missing at the end.
  ///
  /// @return how the recording ends
  public Recording.Ending ending() {
    return recording.ending();
  }

  /// Unmaps the file.
  @Override
  public void close() {
    recording.close();
  }
}
