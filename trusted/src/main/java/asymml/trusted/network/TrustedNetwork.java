package asymml.trusted.network;

import asymml.kernels.Closer;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.trusted.memory.NetworkBuffers;
import asymml.trusted.memory.Purpose;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.PerExampleGradients;
import asymml.trusted.ops.StepProfile;
import asymml.trusted.ops.TrustedOp;
import asymml.trusted.plan.Plan;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A network computed wholly on the trusted side: there is no worker, nothing is sent, and no
/// worker can fail.
public final class TrustedNetwork extends Network {
  private final Graph graph;
  private final List<Planned<TrustedOp>> ops;
  private final Parameters parameters;
  private final boolean perExample;

  private TrustedNetwork(
      Graph graph,
      NetworkBuffers buffers,
      List<Planned<TrustedOp>> ops,
      StepProfile profile,
      Parameters parameters,
      boolean perExample) {
    super(buffers, ops, profile);
    this.graph = graph;
    this.ops = ops;
    this.parameters = parameters;
    this.perExample = perExample;
  }

  private static TrustedNetwork of(
      Graph graph,
      int batch,
      Parameters parameters,
      long seed,
      Purpose purpose,
      TrustedPlanner.Guards guards) {
    requireExamples(batch);
    try (Closer opened = new Closer()) {
      NetworkBuffers buffers =
          opened.own(
              new NetworkBuffers(
                  graph, Plan.trusted(graph), batch, purpose, false, readLater(guards.rows())));
      TrustedPlanner planner =
          new TrustedPlanner(graph, parameters, buffers, seed, purpose, guards);
      List<Planned<TrustedOp>> ops = new ArrayList<>();
      for (int i = 0; i < graph.nodes().size(); i++) {
        if (!buffers.fused(i)) {
          ops.add(new Planned<>(i, opened.own(planner.op(i)), graph.takesGradient(i)));
        }
      }
      TrustedNetwork network =
          new TrustedNetwork(
              graph,
              buffers,
              List.copyOf(ops),
              new StepProfile(graph.nodes().size()),
              parameters,
              guards.rows() != null);
      opened.release();
      return network;
    }
  }

  /// Plans a network for training.
  ///
  /// @param graph the network
  /// @param batch number of examples N
  /// @param parameters with gradients
  /// @param seed of dropout masks
  /// @return the planned network
  public static TrustedNetwork forTraining(
      Graph graph, int batch, Parameters parameters, long seed) {
    return of(graph, batch, parameters, seed, Purpose.TRAINING, _ -> null);
  }

  /// Plans a network for DP-SGD: a backward pass gives each example's gradients, and leaves those
  /// of the parameters alone.
  ///
  /// @param graph the network
  /// @param parameters with gradients
  /// @param seed of dropout masks
  /// @param rows where each example's gradients are put; the network has as many places
  /// @return the planned network
  public static TrustedNetwork forPrivateTraining(
      Graph graph, Parameters parameters, long seed, PerExampleGradients rows) {
    return of(
        graph,
        rows.places(),
        parameters,
        seed,
        Purpose.TRAINING,
        TrustedPlanner.Guards.jointly(rows));
  }

  /// Plans a network for training that keeps all outputs and gradients to the end of a step, so
  /// that they can be looked at. It computes what one [#forTraining] does, to the bit, and takes
  /// two to three times its memory.
  ///
  /// @param graph the network
  /// @param batch number of examples N
  /// @param parameters with gradients
  /// @param seed of dropout masks
  /// @return the planned network
  public static TrustedNetwork forInspection(
      Graph graph, int batch, Parameters parameters, long seed) {
    return of(graph, batch, parameters, seed, Purpose.INSPECTION, _ -> null);
  }

  /// Plans a network for inference.
  ///
  /// @param graph the network
  /// @param batch number of examples N
  /// @param parameters its parameters
  /// @return the planned network
  public static TrustedNetwork forInference(Graph graph, int batch, Parameters parameters) {
    return of(graph, batch, parameters, 0, Purpose.INFERENCE, _ -> null);
  }

  /// Sees what an operation reads, just before it runs: in a network that keeps nothing, it is
  /// there at no other time.
  @FunctionalInterface
  public interface InputObserver {
    /// Looks at an input.
    ///
    /// @param node the number of the node whose operation it is
    /// @param x `[N, H, W, C]`, a view; not to be written to
    void before(int node, Tensor x);
  }

  @Override
  public void forward(long step) {
    run(step, null);
  }

  /// Runs the network on the input and shows what each operation reads.
  ///
  /// @param step the training step, from 0
  /// @param observer is shown the first input of each operation, in graph order
  public void forward(long step, InputObserver observer) {
    run(step, observer);
  }

  private void run(long step, @Nullable InputObserver observer) {
    StepProfile profile = profile();
    for (Planned<TrustedOp> planned : ops) {
      if (isGiven(planned.node())) {
        continue;
      }
      if (observer != null) {
        int source = graph.nodes().get(planned.node()).inputs().getFirst();
        observer.before(planned.node(), buffers().output(source));
      }
      profile.at(planned.node());
      planned.op().forward(step);
      profile.lap(planned.op().phase());
    }
  }

  @Override
  public void backward() {
    StepProfile profile = profile();
    for (Planned<TrustedOp> planned : ops.reversed()) {
      if (!planned.backward()) {
        continue;
      }
      profile.at(planned.node());
      planned.op().backward();
      profile.lap(planned.op().phase());
    }
    if (!perExample) {
      profile.time(StepProfile.Phase.UPDATE, parameters::finishGradients);
    }
  }

  @Override
  public long regionBytes() {
    return 0;
  }

  /// The operations, in the order in which they run forward.
  ///
  /// @return immutable
  public List<TrustedOp> ops() {
    return ops.stream().map(Planned::op).toList();
  }
}
