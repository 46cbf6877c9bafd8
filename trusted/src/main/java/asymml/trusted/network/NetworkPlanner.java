package asymml.trusted.network;

import asymml.kernels.ConvShape;
import asymml.kernels.Pooling;
import asymml.kernels.SampledGradient;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Layer;
import asymml.model.Layer.Add;
import asymml.model.Layer.AvgPool;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Dropout;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GlobalAvgPool;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Node;
import asymml.trusted.memory.NetworkBuffers;
import asymml.trusted.memory.Purpose;
import asymml.trusted.memory.SplitRegion;
import asymml.trusted.ops.AddOp;
import asymml.trusted.ops.BatchNormOp;
import asymml.trusted.ops.DropoutOp;
import asymml.trusted.ops.FlattenOp;
import asymml.trusted.ops.GradientGuard;
import asymml.trusted.ops.GroupNormOp;
import asymml.trusted.ops.LinearParameters;
import asymml.trusted.ops.NormParameters;
import asymml.trusted.ops.Op;
import asymml.trusted.ops.OpTensors;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.PoolingOp;
import asymml.trusted.ops.ReluOp;
import asymml.trusted.ops.RunningStatistics;
import asymml.trusted.ops.StepProfile;
import asymml.trusted.ops.TrustedLinearOp;
import asymml.trusted.plan.DataFlow;
import asymml.trusted.plan.DataFlow.SiteKey;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Placement.Untrusted;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.Shield;
import asymml.trusted.split.MaskedLinearOp;
import asymml.trusted.split.RemoteOp;
import asymml.trusted.split.Shard;
import asymml.trusted.split.SplitContext;
import asymml.trusted.split.SplitInput;
import asymml.trusted.split.SplitLayer;
import asymml.trusted.split.SplitLinearOp;
import asymml.trusted.split.WeightGradient;
import asymml.wire.ProtocolException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Turns a graph into operations on the buffers of [NetworkBuffers].
final class NetworkPlanner {
  /// An operation and the node it is for.
  record Planned(int node, Op op) {}

  private final Graph graph;
  private final Plan plan;
  private final int batch;
  private final Parameters parameters;
  private final @Nullable SplitContext context;
  private final Arena arena;
  private final long seed;
  private final boolean training;
  private final boolean shares;

  private final List<Shard> shards;
  private final SplitRegion region;
  private final NetworkBuffers buffers;
  private final Map<SiteKey, SplitInput> splitInputs = new HashMap<>();
  private final List<Planned> ops = new ArrayList<>();
  private final List<RemoteOp> split = new ArrayList<>();
  private final StepProfile profile;
  private @Nullable Tensor sampleMemory;

  NetworkPlanner(
      Graph graph,
      Plan plan,
      int batch,
      Parameters parameters,
      @Nullable SplitContext context,
      Arena arena,
      long seed,
      Purpose purpose)
      throws ProtocolException {
    this.graph = graph;
    this.plan = plan;
    this.batch = batch;
    this.parameters = parameters;
    this.context = context;
    this.arena = arena;
    this.seed = seed;
    this.training = purpose != Purpose.INFERENCE;
    this.shares = context != null && context.releases().shield() instanceof Shield.Shares;
    this.shards = context == null ? List.of() : shards(context);
    this.region = new SplitRegion(context == null ? List.of() : tensors(), !shares);
    this.profile = new StepProfile(graph.nodes().size());
    this.buffers = new NetworkBuffers(graph, plan, batch, arena, purpose, shares);
    planOps();
  }

  private void planOps() throws ProtocolException {
    boolean planned = false;
    try {
      for (int i = 0; i < graph.nodes().size(); i++) {
        if (!buffers.fused(i)) {
          Op op = op(i);
          ops.add(new Planned(i, op));
          requireFlow(i, op);
        }
      }
      planned = true;
    } finally {
      if (!planned) {
        ops.forEach(p -> p.op().close());
      }
    }
  }

  /// An operation adds to the very gradients, and sends the very tensors, that releases were
  /// planned for, whatever the terms are.
  private void requireFlow(int node, Op op) {
    if (context == null || !training) {
      return;
    }
    DataFlow.Layer planned = context.releases().flow().layer(node);
    long added = op.addedHere().stream().mapToLong(Tensor::size).sum();
    boolean gradientSent =
        op instanceof RemoteOp && (!shares || buffers.target(node, source(node)) != null);
    if (added != planned.valuesAddedHere()
        || op instanceof RemoteOp != planned.isRemote()
        || gradientSent != planned.sendsGradient()) {
      throw new IllegalStateException(
          "what %s computes is not what its releases were planned for: it adds to %d values of gradients, planned were %d"
              .formatted(planned.name(), added, planned.valuesAddedHere()));
    }
  }

  private int source(int node) {
    return graph.nodes().get(node).inputs().getFirst();
  }

  NetworkBuffers buffers() {
    return buffers;
  }

  List<Planned> ops() {
    return List.copyOf(ops);
  }

  StepProfile profile() {
    return profile;
  }

  List<RemoteOp> split() {
    return List.copyOf(split);
  }

  List<SplitInput> splitInputs() {
    return List.copyOf(splitInputs.values());
  }

  long regionBytes() {
    return region.sizeBytes();
  }

  private Op op(int i) throws ProtocolException {
    Node node = graph.nodes().get(i);
    int source = node.inputs().getFirst();
    Tensor x = buffers.output(source);
    OpTensors tensors = tensors(i);
    return switch (node.layer()) {
      case Conv2d(int out, int kernel, int stride, int padding, boolean _) ->
          linear(
              i,
              new ConvShape(
                  batch,
                  x.length(1),
                  x.length(2),
                  x.length(3),
                  out,
                  kernel,
                  kernel,
                  stride,
                  padding));
      case Linear(int out) -> linear(i, ConvShape.linear(batch, x.length(3), out));
      case BatchNorm layer ->
          new BatchNormOp(
              arena,
              layer,
              graph.pairsWithRelu(i),
              normParameters(node),
              new RunningStatistics(
                  parameters.value(node.name() + ".running_mean"),
                  parameters.value(node.name() + ".running_var")),
              tensors);
      case GroupNorm layer ->
          new GroupNormOp(
              node.name(), layer, graph.pairsWithRelu(i), normParameters(node), tensors, guard(i));
      case Relu _ -> new ReluOp(tensors);
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
      case Flatten _ -> new FlattenOp(tensors);
      case Dropout(float rate) ->
          training ? new DropoutOp(rate, seed * 31 + i, tensors) : new FlattenOp(tensors);
    };
  }

  private OpTensors tensors(int i) {
    int source = graph.nodes().get(i).inputs().getFirst();
    return new OpTensors(
        buffers.output(source), buffers.output(i), buffers.gradient(i), buffers.target(i, source));
  }

  private @Nullable GradientGuard guard(int node) {
    return context == null || !training ? null : context.guard(node);
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
            batch,
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

  private NormParameters normParameters(Node node) {
    String scale = node.name() + ".weight";
    String shift = node.name() + ".bias";
    return new NormParameters(
        parameters.value(scale),
        parameters.value(shift),
        training ? parameters.gradient(scale) : null,
        training ? parameters.gradient(shift) : null);
  }

  private LinearParameters linearParameters(Node node) {
    String weight = node.name() + ".weight";
    String bias = node.name() + ".bias";
    boolean biased = node.layer() instanceof Layer.Linear;
    return new LinearParameters(
        parameters.used(weight),
        training ? parameters.gradient(weight) : null,
        biased ? parameters.value(bias) : null,
        biased && training ? parameters.gradient(bias) : null);
  }

  private Op linear(int i, ConvShape shape) throws ProtocolException {
    Node node = graph.nodes().get(i);
    Placement placement = plan.placement(node.name());
    return switch (placement) {
      case Trusted _ ->
          new TrustedLinearOp(
              node.name(), shape, parameters, linearParameters(node), tensors(i), guard(i));
      case Split _, Untrusted _ -> {
        RemoteOp op = splitLinear(i, shape, placement);
        split.add(op);
        yield op;
      }
    };
  }

  /// Who computes on which examples; all on all of them where they are under masks.
  private List<Shard> shards(SplitContext boundary) {
    return shares
        ? List.of(Shard.whole(boundary.workers().first(), batch))
        : Shard.of(
            boundary.workers(),
            batch,
            Shard.step(
                remoteLayers()
                    .flatMap(
                        i -> IntStream.of(graph.inputShape(i).size(), graph.shape(i).size()))));
  }

  private List<SplitRegion.Tensors> tensors() {
    long examples = Shard.largest(shards);
    return remoteLayers()
        .mapToObj(i -> {
          Node node = graph.nodes().get(i);
          return new SplitRegion.Tensors(
              new SiteKey(node.inputs().getFirst(), plan.placement(node.name())),
              parameters.value(node.name() + ".weight").size(),
              examples * graph.inputShape(i).size(),
              examples * graph.shape(i).size());
        })
        .toList();
  }

  private IntStream remoteLayers() {
    return graph.linearLayers().stream()
        .mapToInt(i -> i)
        .filter(i -> !(plan.placement(graph.nodes().get(i).name()) instanceof Trusted));
  }

  private RemoteOp splitLinear(int i, ConvShape shape, Placement placement)
      throws ProtocolException {
    Node node = graph.nodes().get(i);
    SplitContext boundary = context;
    if (boundary == null || !training) {
      throw new IllegalArgumentException(
          "layer " + node.name() + " is " + placement + ", which needs a worker and training");
    }
    ReleasePlan releases = boundary.releases();
    DataFlow.Layer flow = releases.flow().layer(i);
    SplitLayer layer =
        new SplitLayer(
            node.name(),
            i,
            shape,
            releases.weights(flow),
            releases.outputGradient(flow),
            boundary.guard(i),
            linearParameters(node),
            region.places(split.size()),
            tensors(i));
    SplitInput input = splitInput(boundary, layer, placement);
    return releases.shield() instanceof Shield.Shares(double positions)
        ? new MaskedLinearOp(layer, input, boundary, weightGradient(shape, positions, i), profile)
        : new SplitLinearOp(layer, input, boundary, shards, region, profile);
  }

  private SplitInput splitInput(SplitContext boundary, SplitLayer layer, Placement placement) {
    int source = graph.nodes().get(layer.node()).inputs().getFirst();
    return splitInputs.computeIfAbsent(
        new SiteKey(source, placement),
        key ->
            new SplitInput(
                boundary.site(key),
                boundary,
                shards,
                profile,
                layer.tensors().x(),
                layer.slots().x()));
  }

  private WeightGradient weightGradient(ConvShape shape, double share, int node) {
    int samples = WeightGradient.samples(shape, share);
    if (samples == SampledGradient.positions(shape)) {
      return new WeightGradient.Exact(shape);
    }
    int floats = SampledGradient.floats(shape, samples);
    Tensor memory = sampleMemory;
    if (memory == null || memory.size() < floats) {
      memory = Tensor.allocate(arena, floats);
      sampleMemory = memory;
    }
    return new WeightGradient.Sampled(
        new SampledGradient(shape, samples, memory), (seed * 31 + node) << 32);
  }
}
