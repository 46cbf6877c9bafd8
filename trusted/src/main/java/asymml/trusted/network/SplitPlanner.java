package asymml.trusted.network;

import asymml.kernels.Closer;
import asymml.kernels.ConvShape;
import asymml.kernels.SampledGradient;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.LinearLayer;
import asymml.model.Node;
import asymml.privacy.Release;
import asymml.trusted.memory.NetworkBuffers;
import asymml.trusted.memory.Purpose;
import asymml.trusted.memory.SplitRegion;
import asymml.trusted.ops.FoldedNorm;
import asymml.trusted.ops.LinearParameters;
import asymml.trusted.ops.Op;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.PerExampleGradients;
import asymml.trusted.ops.StepProfile;
import asymml.trusted.plan.DataFlow;
import asymml.trusted.plan.DataFlow.SiteKey;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Placement.Untrusted;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.split.MaskedLinearOp;
import asymml.trusted.split.RemoteOp;
import asymml.trusted.split.Shard;
import asymml.trusted.split.SplitContext;
import asymml.trusted.split.SplitInput;
import asymml.trusted.split.SplitLayer;
import asymml.trusted.split.SplitLinearOp;
import asymml.trusted.split.WeightGradient;
import asymml.wire.ProtocolException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Plans a network some of whose linear layers are computed together with workers: which examples
/// each worker gets, where tensors stand in the shared region, and the operations.
final class SplitPlanner {
  private final Graph graph;
  private final Plan plan;
  private final int batch;
  private final Parameters parameters;
  private final SplitContext context;
  private final long seed;
  private final boolean shares;
  private final boolean training;

  private final List<Shard> shards;
  private final SplitRegion region;
  private final NetworkBuffers buffers;
  private final TrustedPlanner trusted;
  private final Map<SiteKey, SplitInput> inputs = new HashMap<>();
  private final List<Planned<Op>> ops = new ArrayList<>();
  private final List<RemoteOp> remote = new ArrayList<>();
  private final List<FoldedNorm> folds = new ArrayList<>();
  private final StepProfile profile;
  private final @Nullable PerExampleGradients rows;
  private @Nullable Tensor sampleMemory;

  /// Plans a network, and defines its operations at the workers.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param batch number of examples N
  /// @param parameters with gradients, unless for inference
  /// @param context workers, doors and decompositions
  /// @param seed of dropout masks and sampled positions
  /// @param purpose what for
  /// @param rows where each example's gradients are put; null without DP-SGD
  /// @throws ProtocolException if a worker refuses an operation
  SplitPlanner(
      Graph graph,
      Plan plan,
      int batch,
      Parameters parameters,
      SplitContext context,
      long seed,
      Purpose purpose,
      @Nullable PerExampleGradients rows)
      throws ProtocolException {
    this.graph = graph;
    this.plan = plan;
    this.batch = batch;
    this.parameters = parameters;
    this.context = context;
    this.seed = seed;
    this.shares = context.releases().shield().masks();
    this.shards = shards();
    this.training = purpose != Purpose.INFERENCE;
    this.region = new SplitRegion(tensors(), training && !shares);
    this.profile = new StepProfile(graph.nodes().size());
    try (Closer opened = new Closer()) {
      this.buffers =
          opened.own(
              new NetworkBuffers(graph, plan, batch, purpose, shares, Network.readLater(rows)));
      this.rows = rows;
      this.trusted =
          new TrustedPlanner(
              graph,
              parameters,
              buffers,
              seed,
              purpose,
              rows == null ? context::guard : TrustedPlanner.Guards.jointly(rows));
      for (int i = 0; i < graph.nodes().size(); i++) {
        if (!buffers.fused(i)) {
          Op op = opened.own(op(i));
          ops.add(new Planned<>(i, op, graph.takesGradient(i)));
          requireFlow(i, op);
        }
      }
      opened.release();
    }
  }

  private Op op(int i) throws ProtocolException {
    Node node = graph.nodes().get(i);
    if (!(node.layer() instanceof LinearLayer)) {
      return trusted.op(i);
    }
    return switch (plan.placement(node.name())) {
      case Trusted _ -> trusted.op(i);
      case Split _, Untrusted _ -> {
        RemoteOp op = remoteOp(i);
        remote.add(op);
        yield op;
      }
    };
  }

  private RemoteOp remoteOp(int i) throws ProtocolException {
    ReleasePlan releases = context.releases();
    DataFlow.Layer flow = releases.flow().layer(i);
    ConvShape shape = trusted.shape(i);
    SplitLayer layer =
        new SplitLayer(
            graph.nodes().get(i).name(),
            i,
            shape,
            releases.weights(flow),
            flow.sendsGradient() ? releases.outputGradient(flow) : null,
            context.guard(i),
            own(i),
            region.places(remote.size()),
            trusted.tensors(i),
            flow.updatedAtWorker()
                ? new SplitLayer.Held(
                    SplitLayer.Values.of(parameters, flow.name() + ".weight"),
                    releases.momentum(flow),
                    releases.factor(flow))
                : null);
    SplitInput input = splitInput(layer);
    return releases.shield().masks()
        ? new MaskedLinearOp(
            layer,
            input,
            context,
            training ? weightGradient(layer, releases.shield().gradientPositions()) : null,
            profile)
        : new SplitLinearOp(layer, input, context, shards, region, profile);
  }

  /// A layer's parameters, with the normalisation behind it if that is folded in.
  private LinearParameters own(int i) {
    LinearParameters own = trusted.linearParameters(i);
    List<Integer> readers = graph.consumers(i);
    if (readers.size() != 1
        || !(graph.nodes().get(readers.getFirst()).layer() instanceof BatchNorm)
        || !buffers.fused(readers.getFirst())) {
      return own;
    }
    FoldedNorm folded = new FoldedNorm(buffers.arena(), graph, readers.getFirst(), parameters, own);
    folds.add(folded);
    return folded.parameters();
  }

  /// An operation adds to the very gradients, and sends the very tensors, that releases were
  /// planned for, whatever the terms are.
  private void requireFlow(int node, Op op) {
    DataFlow.Layer planned = context.releases().flow().layer(node);
    long added = op.addedHere().stream().mapToLong(Tensor::size).sum();
    boolean gradientSent =
        op instanceof RemoteOp
            && training
            && (!shares || buffers.target(node, source(node)) != null);
    if (added != planned.valuesAddedHere()
        || op instanceof RemoteOp != planned.isRemote()
        || gradientSent != planned.sendsGradient()) {
      throw new IllegalStateException(
          "what %s computes is not what its releases were planned for: it adds to %s values of gradients, planned were %s"
              .formatted(planned.name(), added, planned.valuesAddedHere()));
    }
  }

  private int source(int node) {
    return graph.nodes().get(node).inputs().getFirst();
  }

  /// Who computes on which examples; all on all of them where they are under masks.
  private List<Shard> shards() {
    return shares
        ? List.of(Shard.whole(context.workers().first(), batch))
        : Shard.of(
            context.workers(),
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
              graph.parameters(i).getFirst().size(),
              examples * graph.inputShape(i).size(),
              examples * graph.shape(i).size(),
              held(context.releases().flow().layer(i)));
        })
        .toList();
  }

  private SplitRegion.@Nullable HeldTensors held(DataFlow.Layer layer) {
    DataFlow.Input input = layer.input();
    if (input == null || !layer.updatedAtWorker()) {
      return null;
    }
    Release basis = Objects.requireNonNull(context.releases().basis(input));
    return new SplitRegion.HeldTensors(layer.factorFloats(), basis.values());
  }

  private IntStream remoteLayers() {
    return graph.linearLayers().stream()
        .mapToInt(i -> i)
        .filter(i -> plan.placement(graph.nodes().get(i).name()).needsWorker());
  }

  private SplitInput splitInput(SplitLayer layer) {
    Node node = graph.nodes().get(layer.node());
    return inputs.computeIfAbsent(
        new SiteKey(node.inputs().getFirst(), plan.placement(node.name())),
        key ->
            new SplitInput(
                context.site(key),
                context,
                shards,
                profile,
                layer.tensors().x(),
                layer.slots().x()));
  }

  private WeightGradient weightGradient(SplitLayer layer, double share) {
    ConvShape shape = layer.shape();
    if (rows != null) {
      return new WeightGradient.PerExample(layer.name(), rows);
    }
    int samples = WeightGradient.samples(shape, share);
    if (samples == SampledGradient.positions(shape)) {
      return layer.guard() != null
          ? new WeightGradient.Bounded(shape)
          : new WeightGradient.Exact(shape);
    }
    int floats = SampledGradient.floats(shape, samples);
    Tensor memory = sampleMemory;
    if (memory == null || memory.size() < floats) {
      memory = Tensor.allocate(buffers.arena(), floats);
      sampleMemory = memory;
    }
    return new WeightGradient.Sampled(
        new SampledGradient(shape, samples, memory), (seed * 31 + layer.node()) << 32);
  }

  /// Whether each example's gradients are computed, in place of the parameters'.
  boolean perExample() {
    return rows != null;
  }

  NetworkBuffers buffers() {
    return buffers;
  }

  List<Planned<Op>> ops() {
    return List.copyOf(ops);
  }

  StepProfile profile() {
    return profile;
  }

  List<RemoteOp> remote() {
    return List.copyOf(remote);
  }

  /// Normalisations that are part of layers at the workers.
  List<FoldedNorm> folds() {
    return List.copyOf(folds);
  }

  List<SplitInput> inputs() {
    return List.copyOf(inputs.values());
  }

  long regionBytes() {
    return region.sizeBytes();
  }
}
