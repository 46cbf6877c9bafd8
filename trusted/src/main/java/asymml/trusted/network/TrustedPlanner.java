package asymml.trusted.network;

import asymml.kernels.ConvShape;
import asymml.kernels.Pooling;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Layer.Activation;
import asymml.model.Layer.Add;
import asymml.model.Layer.AvgPool;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Concat;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Dropout;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GlobalAvgPool;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.GroupedConv2d;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Layer.Scattering;
import asymml.model.Node;
import asymml.trusted.memory.NetworkBuffers;
import asymml.trusted.memory.Purpose;
import asymml.trusted.ops.ActivationOp;
import asymml.trusted.ops.AddOp;
import asymml.trusted.ops.BatchNormOp;
import asymml.trusted.ops.ConcatOp;
import asymml.trusted.ops.DropoutOp;
import asymml.trusted.ops.FlattenOp;
import asymml.trusted.ops.GradientGuard;
import asymml.trusted.ops.GroupNormOp;
import asymml.trusted.ops.LinearParameters;
import asymml.trusted.ops.NormParameters;
import asymml.trusted.ops.OpTensors;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.PerExampleGradients;
import asymml.trusted.ops.PerExamplePlan;
import asymml.trusted.ops.PoolingOp;
import asymml.trusted.ops.ReluOp;
import asymml.trusted.ops.RunningStatistics;
import asymml.trusted.ops.ScatteringOp;
import asymml.trusted.ops.TrustedLinearOp;
import asymml.trusted.ops.TrustedOp;
import org.jspecify.annotations.Nullable;

/// Turns nodes of a graph into operations on the trusted side, on the buffers of [NetworkBuffers].
final class TrustedPlanner {
  /// How parameter gradients are protected.
  interface Guards {
    /// What holds a node's parameter gradients to their bound.
    ///
    /// @param node its number
    /// @return null if they are not protected by themselves
    @Nullable GradientGuard of(int node);

    /// Where each example's gradients are wanted, to be protected together.
    ///
    /// @return null if their sums are wanted
    default @Nullable PerExampleGradients rows() {
      return null;
    }

    /// Each example's gradients by all parameters are wanted.
    ///
    /// @param rows where
    static Guards jointly(PerExampleGradients rows) {
      return new Guards() {
        @Override
        public @Nullable GradientGuard of(int node) {
          return null;
        }

        @Override
        public PerExampleGradients rows() {
          return rows;
        }
      };
    }
  }

  private final Graph graph;
  private final Parameters parameters;
  private final NetworkBuffers buffers;
  private final long seed;
  private final boolean training;
  private final Guards guards;

  /// Plans for one network.
  ///
  /// @param graph the network
  /// @param parameters its parameters, with gradients unless for inference
  /// @param buffers the memory between the operations
  /// @param seed of dropout masks
  /// @param purpose what for
  /// @param guards of parameter gradients
  TrustedPlanner(
      Graph graph,
      Parameters parameters,
      NetworkBuffers buffers,
      long seed,
      Purpose purpose,
      Guards guards) {
    this.graph = graph;
    this.parameters = parameters;
    this.buffers = buffers;
    this.seed = seed;
    this.training = purpose != Purpose.INFERENCE;
    this.guards = guards;
  }

  /// The operation of a node, computed here whatever a plan says.
  ///
  /// @param i its number
  /// @return to be closed
  TrustedOp op(int i) {
    Node node = graph.nodes().get(i);
    if (guards.rows() != null && node.layer() instanceof BatchNorm) {
      throw new IllegalArgumentException(
          "batch norm mixes examples: there is no gradient of one of them in " + node.name());
    }
    OpTensors tensors = tensors(i);
    Tensor x = tensors.x();
    return switch (node.layer()) {
      case Conv2d _, GroupedConv2d _, Linear _ ->
          new TrustedLinearOp(
              node.name(),
              shape(i),
              parameters,
              linearParameters(i),
              tensors,
              guards.of(i),
              guards.rows());
      case BatchNorm layer ->
          new BatchNormOp(
              buffers.arena(),
              layer,
              graph.pairsWithRelu(i),
              normParameters(i),
              new RunningStatistics(
                  parameters.value(node.name() + ".running_mean"),
                  parameters.value(node.name() + ".running_var")),
              tensors);
      case GroupNorm layer ->
          new GroupNormOp(
              node.name(),
              layer,
              graph.pairsWithRelu(i),
              layer.affine()
                  ? normParameters(i)
                  : NormParameters.constant(buffers.arena(), x.length(3)),
              tensors,
              guards.of(i),
              guards.rows());
      case Relu _ -> new ReluOp(tensors);
      case Activation function -> new ActivationOp(function, tensors);
      case Scattering _ -> new ScatteringOp(tensors);
      case MaxPool(int kernel, int stride, int padding) ->
          pooling(Pooling.Kind.MAX, kernel, kernel, stride, padding, tensors);
      case AvgPool(int kernel, int stride, int padding) ->
          pooling(Pooling.Kind.AVERAGE, kernel, kernel, stride, padding, tensors);
      case GlobalAvgPool _ ->
          pooling(Pooling.Kind.AVERAGE, x.length(1), x.length(2), 1, 0, tensors);
      case Add _ -> {
        int other = node.inputs().getLast();
        yield new AddOp(
            tensors, buffers.output(other), graph.pairsWithRelu(i), buffers.target(i, other));
      }
      case Concat _ ->
          new ConcatOp(
              node.inputs().stream()
                  .map(source ->
                      new ConcatOp.Input(buffers.output(source), buffers.target(i, source)))
                  .toList(),
              tensors.y(),
              tensors.dy());
      case Flatten _ -> new FlattenOp(tensors);
      case Dropout(float rate) ->
          training ? new DropoutOp(rate, seed * 31 + i, tensors) : new FlattenOp(tensors);
    };
  }

  /// The shape of a linear layer on the whole batch.
  ConvShape shape(int i) {
    return PerExamplePlan.shape(graph, i, buffers.input().length(0));
  }

  OpTensors tensors(int i) {
    int source = graph.nodes().get(i).inputs().getFirst();
    return new OpTensors(
        buffers.output(source), buffers.output(i), buffers.gradient(i), buffers.target(i, source));
  }

  private PoolingOp pooling(
      Pooling.Kind kind,
      int kernelHeight,
      int kernelWidth,
      int stride,
      int padding,
      OpTensors tensors) {
    Tensor x = tensors.x();
    return new PoolingOp(
        new Pooling(
            kind,
            x.length(0),
            x.length(1),
            x.length(2),
            x.length(3),
            kernelHeight,
            kernelWidth,
            stride,
            padding,
            training),
        tensors);
  }

  /// A frozen layer takes no gradient, and has none of its own.
  private boolean trains(int i) {
    return training && !graph.nodes().get(i).frozen();
  }

  private NormParameters normParameters(int i) {
    Node node = graph.nodes().get(i);
    String scale = node.name() + ".weight";
    String shift = node.name() + ".bias";
    return new NormParameters(
        parameters.value(scale),
        parameters.value(shift),
        trains(i) ? parameters.gradient(scale) : null,
        trains(i) ? parameters.gradient(shift) : null,
        !node.frozen());
  }

  /// A linear layer's parameters.
  LinearParameters linearParameters(int i) {
    Node node = graph.nodes().get(i);
    String weight = node.name() + ".weight";
    String bias = node.name() + ".bias";
    boolean biased = graph.parameters(i).size() > 1;
    return new LinearParameters(
        parameters.used(weight),
        trains(i) && !parameters.isHeld(weight) ? parameters.gradient(weight) : null,
        biased ? parameters.value(bias) : null,
        biased && trains(i) ? parameters.gradient(bias) : null);
  }
}
