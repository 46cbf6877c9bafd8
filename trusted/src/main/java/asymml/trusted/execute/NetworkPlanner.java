package asymml.trusted.execute;

import asymml.kernels.ConvShape;
import asymml.kernels.Pooling;
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
import asymml.model.Shape;
import asymml.trusted.boundary.RegionLayout;
import asymml.trusted.execute.Placement.Split;
import asymml.trusted.execute.Placement.Trusted;
import asymml.trusted.execute.Placement.Untrusted;
import asymml.trusted.execute.SplitContext.SiteKey;
import asymml.wire.ProtocolException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Turns a graph into operations on fixed buffers.
///
/// A ReLU that alone reads a normalisation or an addition is fused into it: the pair has one
/// output. Each output has one gradient of its own; the last of its readers writes it first in the
/// backward pass, the others add to it.
final class NetworkPlanner {
  private final Graph graph;
  private final Plan plan;
  private final int batch;
  private final Parameters parameters;
  private final @Nullable SplitContext context;
  private final RegionLayout layout = new RegionLayout();
  private final Arena arena;
  private final long seed;
  private final boolean training;

  private final List<Tensor> buffers = new ArrayList<>();
  private final Tensor input;
  private final Tensor[] outputs;
  private final @Nullable Tensor[] gradients;
  private final boolean[] fused;
  private final Map<SiteKey, SplitInput> splitInputs = new HashMap<>();
  private final List<Op> ops = new ArrayList<>();
  private final List<SplitLinearOp> split = new ArrayList<>();
  private final Tensor scratch;

  NetworkPlanner(
      Graph graph,
      Plan plan,
      int batch,
      Parameters parameters,
      @Nullable SplitContext context,
      Arena arena,
      long seed,
      boolean training)
      throws ProtocolException {
    this.graph = graph;
    this.plan = plan;
    this.batch = batch;
    this.parameters = parameters;
    this.context = context;
    this.arena = arena;
    this.seed = seed;
    this.training = training;
    int nodes = graph.nodes().size();
    this.input = allocate(graph.input());
    this.outputs = new Tensor[nodes];
    this.gradients = new Tensor[nodes];
    this.fused = new boolean[nodes];
    allocateBuffers();
    this.scratch = allocateScratch();
    planOps();
  }

  private void planOps() throws ProtocolException {
    boolean planned = false;
    try {
      for (int i = 0; i < outputs.length; i++) {
        if (!fused[i]) {
          ops.add(op(i));
        }
      }
      planned = true;
    } finally {
      if (!planned) {
        ops.forEach(Op::close);
      }
    }
  }

  /// All memory that holds private values between the operations.
  List<Tensor> buffers() {
    return List.copyOf(buffers);
  }

  List<Op> ops() {
    return List.copyOf(ops);
  }

  List<SplitLinearOp> split() {
    return List.copyOf(split);
  }

  long regionBytes() {
    return layout.sizeBytes();
  }

  Tensor input() {
    return input;
  }

  Tensor logits() {
    return outputs[outputs.length - 1].reshape(batch, graph.classes());
  }

  @Nullable Tensor logitsGradient() {
    Tensor gradient = gradients[gradients.length - 1];
    return gradient == null ? null : gradient.reshape(batch, graph.classes());
  }

  private void allocateBuffers() {
    for (int i = 0; i < outputs.length; i++) {
      Node node = graph.nodes().get(i);
      int source = node.inputs().getFirst();
      fused[i] = node.layer() instanceof Relu && source != Graph.INPUT && fusesWithRelu(source);
      if (fused[i]) {
        // The pair's one output and gradient belong to both.
        outputs[i] = outputs[source];
        gradients[i] = gradients[source];
        continue;
      }
      boolean view =
          node.layer() instanceof Flatten || (node.layer() instanceof Dropout && !training);
      Shape shape = graph.shape(i);
      outputs[i] =
          view
              ? output(source).reshape(batch, shape.height(), shape.width(), shape.channels())
              : allocate(shape);
      if (training) {
        gradients[i] = allocate(shape);
      }
    }
  }

  /// Whether a node has one reader, a ReLU, and can apply it itself.
  private boolean fusesWithRelu(int index) {
    if (index == Graph.INPUT) {
      return false;
    }
    List<Integer> consumers = graph.consumers(index);
    return consumers.size() == 1
        && graph.nodes().get(consumers.getFirst()).layer() instanceof Relu
        && switch (graph.nodes().get(index).layer()) {
          case BatchNorm _, GroupNorm _, Add _ -> true;
          case Conv2d _,
              Linear _,
              Relu _,
              MaxPool _,
              AvgPool _,
              GlobalAvgPool _,
              Flatten _,
              Dropout _ ->
              false;
        };
  }

  private Tensor allocateScratch() {
    long floats = 1;
    for (int i = 0; i < outputs.length; i++) {
      if (training && graph.consumers(i).size() > 1) {
        floats = Math.max(floats, outputs[i].size());
      }
    }
    if (training && normalizesInput()) {
      floats = Math.max(floats, input.size());
    }
    for (int i : graph.linearLayers()) {
      if (!(plan.placement(graph.nodes().get(i).name()) instanceof Trusted)) {
        Tensor x = output(graph.nodes().get(i).inputs().getFirst());
        floats = Math.max(floats, SplitInput.scratchFloats(x));
      }
    }
    return allocate(Math.toIntExact(floats));
  }

  private Tensor allocate(Shape shape) {
    return allocate(batch, shape.height(), shape.width(), shape.channels());
  }

  private Tensor allocate(int... shape) {
    Tensor tensor = Tensor.allocate(arena, shape);
    buffers.add(tensor);
    return tensor;
  }

  private Tensor output(int index) {
    return index == Graph.INPUT ? input : outputs[index];
  }

  /// Where node `reader` puts the gradient of its input `source`; null if none flows there.
  private @Nullable GradientTarget target(int reader, int source) {
    if (!training) {
      return null;
    }
    if (source == Graph.INPUT) {
      // The kernels of normalisation compute this gradient in any case; nobody reads it.
      return isNorm(graph.nodes().get(reader)) ? new GradientTarget(scratch(input), null) : null;
    }
    Tensor total = Gradients.require(gradients[source]);
    if (graph.consumers(source).getLast() == reader) {
      return new GradientTarget(total, null);
    }
    return new GradientTarget(total, scratch(total));
  }

  private boolean normalizesInput() {
    return graph.consumers(Graph.INPUT).stream().anyMatch(i -> isNorm(graph.nodes().get(i)));
  }

  private static boolean isNorm(Node node) {
    return node.layer() instanceof BatchNorm || node.layer() instanceof GroupNorm;
  }

  /// A view of the memory that operations use in turn.
  private Tensor scratch(Tensor like) {
    return Tensor.of(scratch.segment().asSlice(0, like.sizeBytes()), like.shape());
  }

  private Op op(int i) throws ProtocolException {
    Node node = graph.nodes().get(i);
    int source = node.inputs().getFirst();
    Tensor x = output(source);
    Tensor y = outputs[i];
    Tensor dy = gradients[i];
    GradientTarget dx = target(i, source);
    return switch (node.layer()) {
      case Conv2d(int out, int kernel, int stride, int padding) ->
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
      case BatchNorm(float epsilon, float momentum) ->
          new BatchNormOp(
              arena,
              epsilon,
              momentum,
              fusesWithRelu(i),
              normParameters(node),
              parameters.value(node.name() + ".running_mean"),
              parameters.value(node.name() + ".running_var"),
              x,
              y,
              dy,
              dx);
      case GroupNorm(int groups, float epsilon) ->
          new GroupNormOp(groups, epsilon, fusesWithRelu(i), normParameters(node), x, y, dy, dx);
      case Relu _ -> new ReluOp(x, y, dy, dx);
      case MaxPool(int kernel, int stride, int padding) ->
          pooling(Pooling.Kind.MAX, kernel, kernel, stride, padding, x, y, dy, dx);
      case AvgPool(int kernel, int stride, int padding) ->
          pooling(Pooling.Kind.AVERAGE, kernel, kernel, stride, padding, x, y, dy, dx);
      case GlobalAvgPool _ ->
          pooling(Pooling.Kind.AVERAGE, x.length(1), x.length(2), 1, 0, x, y, dy, dx);
      case Add _ -> {
        int other = node.inputs().getLast();
        yield new AddOp(x, output(other), y, fusesWithRelu(i), dy, dx, target(i, other));
      }
      case Flatten _ -> new FlattenOp(dy, dx);
      case Dropout(float rate) ->
          training ? new DropoutOp(rate, seed * 31 + i, x, y, dy, dx) : new FlattenOp(dy, dx);
    };
  }

  private PoolingOp pooling(
      Pooling.Kind kind,
      int kernelHeight,
      int kernelWidth,
      int stride,
      int padding,
      Tensor x,
      Tensor y,
      @Nullable Tensor dy,
      @Nullable GradientTarget dx) {
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
        x,
        y,
        dy,
        dx);
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
        parameters.value(weight),
        training ? parameters.gradient(weight) : null,
        biased ? parameters.value(bias) : null,
        biased && training ? parameters.gradient(bias) : null);
  }

  private Op linear(int i, ConvShape shape) throws ProtocolException {
    Node node = graph.nodes().get(i);
    int source = node.inputs().getFirst();
    GradientTarget dx = target(i, source);
    Placement placement = plan.placement(node.name());
    return switch (placement) {
      case Trusted _ ->
          new TrustedLinearOp(
              shape,
              parameters,
              linearParameters(node),
              output(source),
              outputs[i],
              gradients[i],
              dx);
      case Split _, Untrusted _ -> {
        SplitLinearOp op = splitLinear(node, shape, placement, i, dx);
        split.add(op);
        yield op;
      }
    };
  }

  private SplitLinearOp splitLinear(
      Node node, ConvShape shape, Placement placement, int i, @Nullable GradientTarget dx)
      throws ProtocolException {
    SplitContext boundary = context;
    if (boundary == null || !training) {
      throw new IllegalArgumentException(
          "layer " + node.name() + " is " + placement + ", which needs a worker and training");
    }
    SiteKey key = new SiteKey(node.inputs().getFirst(), placement);
    SplitInput splitInput = splitInputs.get(key);
    if (splitInput == null) {
      splitInput =
          new SplitInput(
              boundary.site(key),
              boundary.door(),
              boundary.noise(placement),
              output(key.source()),
              layout.reserve(shape.inputAxes()),
              scratch);
      splitInputs.put(key, splitInput);
    }
    SplitLinearOp.Slots slots =
        new SplitLinearOp.Slots(
            layout.reserve(shape.weightAxes()),
            layout.reserve(shape.outputAxes()),
            layout.reserve(shape.outputAxes()),
            dx == null ? null : layout.reserve(shape.inputAxes()),
            layout.reserve(shape.weightAxes()));
    return new SplitLinearOp(
        node.name(),
        boundary.takeOpId(),
        shape,
        boundary.worker(),
        boundary.door(),
        splitInput,
        linearParameters(node),
        slots,
        outputs[i],
        Gradients.require(gradients[i]),
        dx);
  }
}
