package asymml.trusted.network;

import asymml.model.Graph;
import asymml.trusted.memory.Purpose;
import asymml.trusted.ops.FoldedNorm;
import asymml.trusted.ops.Op;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.PerExampleGradients;
import asymml.trusted.ops.StepProfile;
import asymml.trusted.plan.Plan;
import asymml.trusted.split.RemoteOp;
import asymml.trusted.split.SplitContext;
import asymml.trusted.split.SplitInput;
import asymml.wire.ProtocolException;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// A network some of whose linear layers are computed together with workers.
public final class SplitNetwork extends Network {
  private final List<Planned<Op>> ops;
  private final List<RemoteOp> remote;
  private final List<FoldedNorm> folds;
  private final List<SplitInput> inputs;
  private final long regionBytes;
  private final Parameters parameters;
  private final SplitContext context;
  private final boolean perExample;

  private SplitNetwork(SplitPlanner planner, Parameters parameters, SplitContext context) {
    super(planner.buffers(), planner.ops(), planner.profile());
    this.ops = planner.ops();
    this.remote = planner.remote();
    this.folds = planner.folds();
    this.inputs = planner.inputs();
    this.regionBytes = planner.regionBytes();
    this.parameters = parameters;
    this.context = context;
    this.perExample = planner.perExample();
  }

  /// Plans a network for training.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param batch number of examples N
  /// @param parameters with gradients
  /// @param context workers, doors and decompositions
  /// @param seed of dropout masks
  /// @return the planned network; before it runs, the workers need regions of [#regionBytes]
  /// @throws ProtocolException if a worker refuses an operation
  public static SplitNetwork forTraining(
      Graph graph, Plan plan, int batch, Parameters parameters, SplitContext context, long seed)
      throws ProtocolException {
    return forTraining(graph, plan, batch, parameters, context, seed, null);
  }

  /// Plans a network for training, with DP-SGD or without.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param batch number of examples N
  /// @param parameters with gradients
  /// @param context workers, doors and decompositions
  /// @param seed of dropout masks
  /// @param rows where each example's gradients are put, in place of those of the parameters; of N
  ///   examples; null without DP-SGD
  /// @return the planned network; before it runs, the workers need regions of [#regionBytes]
  /// @throws ProtocolException if a worker refuses an operation
  public static SplitNetwork forTraining(
      Graph graph,
      Plan plan,
      int batch,
      Parameters parameters,
      SplitContext context,
      long seed,
      @Nullable PerExampleGradients rows)
      throws ProtocolException {
    requireExamples(batch);
    return new SplitNetwork(
        new SplitPlanner(graph, plan, batch, parameters, context, seed, Purpose.TRAINING, rows),
        parameters,
        context);
  }

  /// Plans a network for training that keeps all outputs and gradients to the end of a step, so
  /// that they can be looked at. It computes what one [#forTraining] does, to the bit, and takes
  /// two to three times its memory.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param batch number of examples N
  /// @param parameters with gradients
  /// @param context workers, doors and decompositions
  /// @param seed of dropout masks
  /// @return the planned network; before it runs, the workers need regions of [#regionBytes]
  /// @throws ProtocolException if a worker refuses an operation
  public static SplitNetwork forInspection(
      Graph graph, Plan plan, int batch, Parameters parameters, SplitContext context, long seed)
      throws ProtocolException {
    requireExamples(batch);
    return new SplitNetwork(
        new SplitPlanner(graph, plan, batch, parameters, context, seed, Purpose.INSPECTION, null),
        parameters,
        context);
  }

  /// Plans a network for inference: layers at the workers run forward alone, normalisation takes
  /// its running statistics and is folded into the layer before it where that is at the workers,
  /// and weights are sent by the first [#forward] and stay there as long as [#forwardFurther]
  /// follows.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param batch number of examples N
  /// @param parameters its parameters
  /// @param context workers, doors and decompositions, of releases planned for inference
  /// @return the planned network; before it runs, the workers need regions of [#regionBytes]
  /// @throws ProtocolException if a worker refuses an operation
  public static SplitNetwork forInference(
      Graph graph, Plan plan, int batch, Parameters parameters, SplitContext context)
      throws ProtocolException {
    requireExamples(batch);
    return new SplitNetwork(
        new SplitPlanner(graph, plan, batch, parameters, context, 0, Purpose.INFERENCE, null),
        parameters,
        context);
  }

  @Override
  public long regionBytes() {
    return regionBytes;
  }

  @Override
  public void forward(long step) throws ProtocolException {
    context.begin(step);
    folds.forEach(FoldedNorm::renew);
    sendWeights(RemoteOp::isHeld);
    sendWeights(op -> !op.isHeld());
    if (!remote.isEmpty()) {
      context.workers().flush();
    }
    parameters.discardHeld();
    run(step);
  }

  private void sendWeights(Predicate<RemoteOp> which) throws ProtocolException {
    for (RemoteOp op : remote) {
      if (which.test(op)) {
        op.sendWeights();
      }
    }
  }

  @Override
  public void forwardFurther(long step) throws ProtocolException {
    context.beginFurtherBatch();
    run(step);
  }

  private void run(long step) throws ProtocolException {
    StepProfile profile = profile();
    inputs.forEach(SplitInput::forget);
    for (Planned<Op> planned : ops) {
      if (isGiven(planned.node())) {
        continue;
      }
      profile.at(planned.node());
      planned.op().forward(step);
      profile.lap(planned.op().phase());
    }
  }

  @Override
  public void backward() throws ProtocolException {
    StepProfile profile = profile();
    for (Planned<Op> planned : ops.reversed()) {
      if (!planned.backward()) {
        continue;
      }
      profile.at(planned.node());
      planned.op().backward();
      profile.lap(planned.op().phase());
    }
    for (RemoteOp op : remote.reversed()) {
      op.mergeWeightGradient();
    }
    if (!perExample) {
      context.requireNoised();
      profile.time(StepProfile.Phase.UPDATE, parameters::finishGradients);
    }
  }

  /// Frees what inputs' checks know, too.
  @Override
  public void close() {
    super.close();
    inputs.forEach(SplitInput::close);
  }
}
