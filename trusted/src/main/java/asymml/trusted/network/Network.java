package asymml.trusted.network;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.trusted.memory.NetworkBuffers;
import asymml.trusted.memory.Purpose;
import asymml.trusted.network.NetworkPlanner.Planned;
import asymml.trusted.ops.Gradients;
import asymml.trusted.ops.Op;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.StepProfile;
import asymml.trusted.plan.Plan;
import asymml.trusted.split.RemoteOp;
import asymml.trusted.split.SplitContext;
import asymml.trusted.split.SplitInput;
import asymml.wire.ProtocolException;
import java.lang.foreign.Arena;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A layer graph planned for one batch size: every buffer and primitive exists before the first
/// step. Not safe for use by several threads.
public final class Network implements AutoCloseable {
  private final Arena arena = Arena.ofShared(); // read and written by worker threads of the kernels
  private final List<Planned> ops;
  private final StepProfile profile;
  private final List<RemoteOp> split;
  private final List<SplitInput> splitInputs;
  private final NetworkBuffers buffers;
  private final long regionBytes;
  private final Parameters parameters;
  private final @Nullable SplitContext context;
  private boolean closed;

  private Network(
      Graph graph,
      Plan plan,
      int batch,
      Parameters parameters,
      @Nullable SplitContext context,
      long seed,
      Purpose purpose)
      throws ProtocolException {
    if (batch < 1) {
      throw new IllegalArgumentException("a batch needs at least one example: " + batch);
    }
    this.parameters = parameters;
    this.context = context;
    try {
      NetworkPlanner planner =
          new NetworkPlanner(graph, plan, batch, parameters, context, arena, seed, purpose);
      ops = planner.ops();
      profile = planner.profile();
      split = planner.split();
      buffers = planner.buffers();
      splitInputs = planner.splitInputs();
      regionBytes = planner.regionBytes();
    } catch (ProtocolException | RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /// Plans a network for training.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param batch number of examples N
  /// @param parameters with gradients
  /// @param context worker, door and decompositions; may be null if the plan needs no worker
  /// @param seed of dropout masks
  /// @return the planned network; before it runs, the worker needs a region of [#regionBytes]
  /// @throws ProtocolException if the worker refuses an operation
  public static Network forTraining(
      Graph graph,
      Plan plan,
      int batch,
      Parameters parameters,
      @Nullable SplitContext context,
      long seed)
      throws ProtocolException {
    return new Network(graph, plan, batch, parameters, context, seed, Purpose.TRAINING);
  }

  /// Plans a network for training that retains all outputs and gradients to the end of a step, so
  /// that they can be looked at. It computes what one [#forTraining] does, to the bit, and takes
  /// two to three times its memory.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param batch number of examples N
  /// @param parameters with gradients
  /// @param context worker, door and decompositions; may be null if the plan needs no worker
  /// @param seed of dropout masks
  /// @return the planned network; before it runs, the worker needs a region of [#regionBytes]
  /// @throws ProtocolException if the worker refuses an operation
  public static Network forInspection(
      Graph graph,
      Plan plan,
      int batch,
      Parameters parameters,
      @Nullable SplitContext context,
      long seed)
      throws ProtocolException {
    return new Network(graph, plan, batch, parameters, context, seed, Purpose.INSPECTION);
  }

  /// Plans a network for inference, wholly on the trusted side: nothing is sent to a worker.
  ///
  /// @param graph the network
  /// @param batch number of examples N
  /// @param parameters its parameters
  /// @return the planned network
  public static Network forInference(Graph graph, int batch, Parameters parameters) {
    try {
      return new Network(graph, Plan.trusted(graph), batch, parameters, null, 0, Purpose.INFERENCE);
    } catch (ProtocolException e) {
      throw new IllegalStateException("a trusted network has no worker", e);
    }
  }

  /// The size of the region shared with the worker.
  ///
  /// @return bytes, at least a page
  public long regionBytes() {
    return regionBytes;
  }

  /// The input.
  ///
  /// @return `[N, H, W, C]`, to be filled before [#forward]
  public Tensor input() {
    return buffers.input();
  }

  /// The output of the last forward pass.
  ///
  /// @return `[N, classes]`
  public Tensor logits() {
    return buffers.logits();
  }

  /// The gradient of the loss.
  ///
  /// @return `[N, classes]`, to be filled before each [#backward], which may overwrite it
  /// @throws IllegalStateException if planned for inference
  public Tensor logitsGradient() {
    return Gradients.require(buffers.logitsGradient());
  }

  /// Runs the network on the input.
  ///
  /// @param step the training step, from 0; decides about basis refreshes and dropout masks
  /// @throws ProtocolException if the worker fails
  public void forward(long step) throws ProtocolException {
    if (context != null) {
      context.begin(step);
    }
    splitInputs.forEach(SplitInput::forget);
    for (RemoteOp op : split) {
      op.sendWeights();
    }
    if (context != null && !split.isEmpty()) {
      context.workers().flush();
    }
    for (Planned planned : ops) {
      profile.at(planned.node());
      planned.op().forward(step);
      profile.lap(planned.op().phase());
    }
  }

  /// Computes all parameter gradients of the last forward pass.
  ///
  /// @throws ProtocolException if the worker fails
  public void backward() throws ProtocolException {
    for (Planned planned : ops.reversed()) {
      profile.at(planned.node());
      planned.op().backward();
      profile.lap(planned.op().phase());
    }
    for (RemoteOp op : split.reversed()) {
      op.mergeWeightGradient();
    }
    if (context != null) {
      context.requireNoised();
    }
    profile.time(StepProfile.Phase.UPDATE, parameters::finishGradients);
  }

  /// What a node gave in the last forward pass.
  ///
  /// @param node its number, or [Graph#INPUT]
  /// @return `[N, H, W, C]`, a view
  /// @throws IllegalStateException if not planned for inspection
  public Tensor activation(int node) {
    buffers.requireKept();
    return buffers.output(node);
  }

  /// The gradient of what a node gave, of the last backward pass.
  ///
  /// @param node its number
  /// @return `[N, H, W, C]`, a view
  /// @throws IllegalStateException if not planned for inspection
  public Tensor gradient(int node) {
    buffers.requireKept();
    return Gradients.require(buffers.gradient(node));
  }

  /// The memory between the operations.
  NetworkBuffers buffers() {
    return buffers;
  }

  /// The operations, in the order in which they run forward.
  ///
  /// @return immutable
  public List<Op> ops() {
    return ops.stream().map(Planned::op).toList();
  }

  /// Where the time of this network's passes goes.
  ///
  /// @return books all passes from now on
  public StepProfile profile() {
    return profile;
  }

  /// Frees buffers and primitives; activations are zeroed first.
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      ops.forEach(planned -> planned.op().close());
      buffers.clear();
      arena.close();
    }
  }
}
