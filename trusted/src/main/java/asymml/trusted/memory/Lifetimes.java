package asymml.trusted.memory;

import asymml.model.Graph;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Dropout;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.LinearLayer;
import asymml.model.Layer.Relu;
import asymml.model.Node;
import asymml.trusted.memory.BackwardNeeds.InputGradient;
import asymml.trusted.memory.SlabLayout.Span;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Plan;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Which buffers a network has between its operations, and when in a step each is alive. Buffers
/// are numbered from 0.
///
/// Of n nodes, node k runs forward at moment k, and backward at the two moments from `n + 2 (n - 1
/// - k)`, in the second of which it does not read its output's gradient any more. An output is
///   alive from when it is computed to when it was last read: forward, and backward as
///   [BackwardNeeds] says. A gradient is alive from when the last reader of the output, which runs
///   backward first, writes it, to when the node itself has run; the other readers add to it. What
///   callers fill and read between passes is alive throughout: the network's input, its logits and
///   their gradient.
///
/// A ReLU that alone reads a normalisation or an addition is fused into it: the pair has one output
/// and one gradient. At inference, a batch normalisation that alone reads the output of a layer at
/// the workers is folded into that layer. A view has the output of its source. Where
/// [BackwardNeeds] allows it, an output has the gradient of its last reader.
public final class Lifetimes {
  /// Where an operation puts the gradient of an input.
  ///
  /// @param total the buffer for it
  /// @param adds whether another operation has written it before
  /// @param scratch the buffer to write and then to add; null if there is none to be written
  record Flow(int total, boolean adds, @Nullable Integer scratch) {}

  private record Edge(int reader, int source) {}

  private final Graph graph;
  private final Plan plan;
  private final int batch;
  private final Purpose purpose;
  private final boolean shares;
  private final Set<String> readLater;
  private final int end;
  private final boolean[] fused;
  private final List<Span> spans = new ArrayList<>();
  private final int input;
  private final int[] outputs;
  private final @Nullable Integer[] gradients;
  private final Map<Edge, Flow> flows = new HashMap<>();

  /// Plans the buffers.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param batch number of examples N
  /// @param purpose what for
  /// @param shares whether releases are under masks
  Lifetimes(Graph graph, Plan plan, int batch, Purpose purpose, boolean shares) {
    this(graph, plan, batch, purpose, shares, Set.of());
  }

  /// Plans the buffers, some of which are alive to the end.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param batch number of examples N
  /// @param purpose what for
  /// @param shares whether releases are under masks
  /// @param readLater names of linear layers whose input and output gradient are read after a
  ///   backward pass
  Lifetimes(
      Graph graph, Plan plan, int batch, Purpose purpose, boolean shares, Set<String> readLater) {
    this.graph = graph;
    this.plan = plan;
    this.batch = batch;
    this.purpose = purpose;
    this.shares = shares;
    this.readLater = readLater;
    int nodes = graph.nodes().size();
    end = 3 * nodes;
    fused = new boolean[nodes];
    outputs = new int[nodes];
    gradients = new Integer[nodes];
    input = buffer(Graph.INPUT, 0);
    for (int i = 0; i < nodes; i++) {
      planForward(i);
    }
    keepThroughout(input);
    keepThroughout(outputs[nodes - 1]);
    if (purpose != Purpose.INFERENCE) {
      planBackward();
    }
  }

  private void planForward(int i) {
    Node node = graph.nodes().get(i);
    int source = node.inputs().getFirst();
    fused[i] =
        (node.layer() instanceof Relu && graph.pairsWithRelu(source)) || folded(node, source);
    if (fused[i] || isView(node)) {
      outputs[i] = output(source);
      return;
    }
    outputs[i] = buffer(i, i);
    for (int read : node.inputs()) {
      use(output(read), i);
    }
  }

  private boolean folded(Node node, int source) {
    if (purpose != Purpose.INFERENCE
        || !(node.layer() instanceof BatchNorm)
        || source == Graph.INPUT) {
      return false;
    }
    Node before = graph.nodes().get(source);
    return before.layer() instanceof LinearLayer
        && plan.placement(before.name()).needsWorker()
        && graph.consumers(source).size() == 1;
  }

  private boolean isView(Node node) {
    return node.layer() instanceof Flatten
        || (node.layer() instanceof Dropout && purpose == Purpose.INFERENCE);
  }

  private void planBackward() {
    int last = fused.length - 1;
    // A logit that a fused ReLU gives is the pair's.
    int gradient = buffer(last, end);
    gradients[operation(last)] = gradient;
    gradients[last] = gradient;
    keepThroughout(gradient);
    for (int i = last; i >= 0; i--) {
      if (!fused[i] && graph.takesGradient(i)) {
        planBackward(i, 3 * fused.length - 2 - 2 * i);
      }
    }
  }

  private void planBackward(int i, int moment) {
    Node node = graph.nodes().get(i);
    BackwardNeeds needs = needs(i);
    int own = gradient(i);
    use(own, moment);
    if (readLater.contains(node.name())) {
      use(own, end);
      use(output(node.inputs().getFirst()), end);
    }
    if (needs.output()) {
      use(outputs[i], moment);
    }
    boolean free = needs.inputGradient().replaces() && purpose != Purpose.INSPECTION;
    for (int source : node.inputs()) {
      if (needs.input()) {
        use(output(source), moment);
      }
      if (!graph.takesGradient(source)) {
        // The kernels of normalisation compute this gradient in any case; it is not read.
        if (isNorm(node)) {
          int unread = free ? own : buffer(source, moment);
          flows.put(new Edge(i, source), new Flow(unread, false, null));
        }
      } else if (gradients[source] != null) {
        flows.put(new Edge(i, source), adding(source, needs.inputGradient(), own, free, moment));
      } else {
        boolean late = needs.inputGradient() == InputGradient.LAST;
        int total = free ? own : buffer(source, late ? moment + 1 : moment);
        free = false; // an addition has two inputs
        gradients[operation(source)] = total;
        gradients[source] = total;
        flows.put(new Edge(i, source), new Flow(total, false, null));
      }
    }
  }

  private Flow adding(int source, InputGradient how, int own, boolean free, int moment) {
    Integer scratch =
        switch (how) {
          case APART -> buffer(source, moment);
          case IN_PLACE -> free ? own : buffer(source, moment);
          case PASSED_ON, LAST -> null;
        };
    return new Flow(gradient(source), true, scratch);
  }

  private BackwardNeeds needs(int i) {
    Node node = graph.nodes().get(i);
    Placement placement =
        node.layer() instanceof LinearLayer ? plan.placement(node.name()) : new Placement.Trusted();
    return BackwardNeeds.of(node.layer(), graph.pairsWithRelu(i), placement, shares);
  }

  private static boolean isNorm(Node node) {
    return node.layer() instanceof BatchNorm || node.layer() instanceof GroupNorm;
  }

  /// The node whose operation computes a node.
  private int operation(int index) {
    return fused[index] ? graph.nodes().get(index).inputs().getFirst() : index;
  }

  /// A new buffer of a node's shape.
  private int buffer(int node, int moment) {
    long bytes = (long) batch * graph.shape(node).size() * Float.BYTES;
    boolean kept = purpose == Purpose.INSPECTION;
    spans.add(new Span(kept ? 0 : moment, kept ? end : moment, bytes));
    return spans.size() - 1;
  }

  private void use(int buffer, int moment) {
    Span span = spans.get(buffer);
    spans.set(
        buffer,
        new Span(Math.min(span.from(), moment), Math.max(span.to(), moment), span.sizeBytes()));
  }

  private void keepThroughout(int buffer) {
    use(buffer, 0);
    use(buffer, end);
  }

  /// When each buffer is alive, by its number.
  List<Span> spans() {
    return List.copyOf(spans);
  }

  /// Whether a node is a ReLU or a normalisation that the node before it applies.
  boolean fused(int index) {
    return fused[index];
  }

  /// The buffer of a node's output.
  ///
  /// @param index a node, or [Graph#INPUT]
  int output(int index) {
    return index == Graph.INPUT ? input : outputs[index];
  }

  /// The buffer of a node's gradient, in training.
  private int gradient(int index) {
    return Objects.requireNonNull(gradients[index], "no gradient");
  }

  /// The buffer of a node's gradient; null if none is taken.
  @Nullable Integer gradientOf(int index) {
    return gradients[index];
  }

  /// Where node `reader` puts the gradient of its input `source`; null if none flows there.
  @Nullable Flow flow(int reader, int source) {
    return flows.get(new Edge(reader, source));
  }
}
