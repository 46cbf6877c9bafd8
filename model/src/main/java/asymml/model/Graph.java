package asymml.model;

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
import asymml.model.Layer.Tanh;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// A network: nodes in topological order, the last one giving the logits. Shapes are inferred when
/// the graph is made, so that a graph that exists fits together.
public final class Graph {
  /// The index that stands for the network's input.
  public static final int INPUT = -1;

  private final String name;
  private final Shape input;
  private final List<Node> nodes;
  private final List<Shape> shapes;
  private final boolean saturates; // weights begin small
  private final boolean[] fixed;

  /// Checks a graph and infers its shapes.
  ///
  /// @param name the model's name
  /// @param input shape of one example
  /// @param nodes in topological order, at least one
  /// @throws IllegalArgumentException if a layer does not fit its input, an addition reads one node
  ///   twice, nothing reads a layer that is not the last, or a layer is frozen behind one that is
  ///   trained; names the layer
  public Graph(String name, Shape input, List<Node> nodes) {
    if (nodes.isEmpty()) {
      throw new IllegalArgumentException("a graph needs at least one layer");
    }
    this.name = name;
    this.input = input;
    this.nodes = List.copyOf(nodes);
    this.shapes = new ArrayList<>(nodes.size());
    Set<String> names = new HashSet<>();
    for (Node node : this.nodes) {
      if (!names.add(node.name())) {
        throw new IllegalArgumentException("two layers are called " + node.name());
      }
      shapes.add(infer(node));
    }
    checkAllRead();
    saturates = this.nodes.stream().anyMatch(node -> node.layer() instanceof Tanh);
    fixed = new boolean[this.nodes.size()];
    for (int i = 0; i < fixed.length; i++) {
      fixed[i] = isFixed(i);
      if (this.nodes.get(i).frozen() && !fixed[i] && !parameters(i).isEmpty()) {
        throw misfit(
            this.nodes.get(i),
            "is frozen behind layers that are trained: freeze those in front of it too");
      }
    }
    if (fixed[fixed.length - 1] && this.nodes.stream().anyMatch(Node::frozen)) {
      throw misfit(this.nodes.getLast(), "all layers are frozen: nothing is left to train");
    }
  }

  /// Whether a node's output is a fixed function of the image.
  private boolean isFixed(int index) {
    Node node = nodes.get(index);
    boolean untrained = node.frozen() || parameters(index).stream().noneMatch(Parameter::trained);
    return node.layer() instanceof Scattering
        || (untrained
            && node.inputs().stream().allMatch(i -> i == INPUT ? node.frozen() : fixed[i]));
  }

  /// The graph with frozen layers: training leaves their parameters and running statistics as they
  /// are, which must be so for all layers in front of them.
  ///
  /// @param patterns regular expressions, each for the whole name of a layer; it must match one
  /// @return the same graph for no patterns
  /// @throws IllegalArgumentException one line: a pattern that is none or matches no layer, a layer
  ///   behind one that is trained, or nothing left to train
  public Graph frozen(List<String> patterns) {
    Set<String> chosen = new HashSet<>();
    for (String text : patterns) {
      Pattern pattern;
      try {
        pattern = Pattern.compile(text);
      } catch (PatternSyntaxException e) {
        throw new IllegalArgumentException(
            "'" + text + "' is neither a layer nor a regular expression of layers", e);
      }
      List<String> matching =
          nodes.stream().map(Node::name).filter(pattern.asMatchPredicate()).toList();
      if (matching.isEmpty()) {
        throw new IllegalArgumentException(
            "no layer of %s is called '%s'; it has %s"
                .formatted(
                    this.name,
                    text,
                    nodes.stream()
                        .filter(n -> !(n.layer() instanceof Relu))
                        .map(Node::name)
                        .toList()));
      }
      chosen.addAll(matching);
    }
    if (chosen.isEmpty()) {
      return this;
    }
    return new Graph(
        this.name,
        input,
        nodes.stream()
            .map(n ->
                chosen.contains(n.name()) ? new Node(n.name(), n.layer(), n.inputs(), true) : n)
            .toList());
  }

  /// Training relies on it: a gradient flows into every output but the last.
  private void checkAllRead() {
    for (int i = 0; i < nodes.size() - 1; i++) {
      if (consumers(i).isEmpty()) {
        throw misfit(nodes.get(i), "no layer reads its output, and it is not the last one");
      }
    }
  }

  /// The model's name.
  ///
  /// @return for example `resnet20`
  public String name() {
    return name;
  }

  /// The shape of one input example.
  ///
  /// @return `[H, W, C]`
  public Shape input() {
    return input;
  }

  /// The nodes in topological order.
  ///
  /// @return immutable
  public List<Node> nodes() {
    return nodes;
  }

  /// The output shape of a node for one example.
  ///
  /// @param index a node's index, or [#INPUT]
  /// @return `[H, W, C]`
  public Shape shape(int index) {
    return index == INPUT ? input : shapes.get(index);
  }

  /// The input shape of a node for one example (of the first of its inputs).
  ///
  /// @param index a node's index
  /// @return `[H, W, C]`
  public Shape inputShape(int index) {
    return shape(nodes.get(index).inputs().getFirst());
  }

  /// The number of logits.
  ///
  /// @return channels of the last node
  public int classes() {
    return shapes.getLast().channels();
  }

  /// Whether a node is a normalisation or an addition whose one reader is a ReLU: the two can be
  /// computed as one, with one output.
  ///
  /// @param index a node's index, or [#INPUT]
  /// @return false for [#INPUT]
  public boolean pairsWithRelu(int index) {
    if (index == INPUT) {
      return false;
    }
    List<Integer> readers = consumers(index);
    return readers.size() == 1
        && nodes.get(readers.getFirst()).layer() instanceof Relu
        && switch (nodes.get(index).layer()) {
          case BatchNorm _, GroupNorm _, Add _ -> true;
          case Conv2d _,
              GroupedConv2d _,
              Linear _,
              Relu _,
              Activation _,
              Scattering _,
              MaxPool _,
              AvgPool _,
              GlobalAvgPool _,
              Concat _,
              Flatten _,
              Dropout _ ->
              false;
        };
  }

  /// Whether training takes the gradient of a node's output. None flows to the network's input, to
  /// a scattering transform or a frozen layer, and to layers without trained parameters behind one:
  /// what they give is a fixed function of the image.
  ///
  /// @param index a node's index, or [#INPUT]
  /// @return false for [#INPUT]
  public boolean takesGradient(int index) {
    return index != INPUT && !fixed[index];
  }

  /// Whether the first layer is a scattering transform, and the only one that reads the image: then
  /// all others can be computed from its values.
  ///
  /// @return false for any other first layer
  public boolean beginsWithScattering() {
    return nodes.getFirst().layer() instanceof Scattering && consumers(INPUT).size() == 1;
  }

  /// The nodes that read a node's output.
  ///
  /// @param index a node's index, or [#INPUT]
  /// @return their indices, rising
  public List<Integer> consumers(int index) {
    List<Integer> found = new ArrayList<>();
    for (int i = 0; i < nodes.size(); i++) {
      if (nodes.get(i).inputs().contains(index)) {
        found.add(i);
      }
    }
    return found;
  }

  /// The indices of the linear layers, in order.
  ///
  /// @return indices of [Layer.LinearLayer] nodes
  public List<Integer> linearLayers() {
    List<Integer> found = new ArrayList<>();
    for (int i = 0; i < nodes.size(); i++) {
      if (nodes.get(i).layer() instanceof Layer.LinearLayer) {
        found.add(i);
      }
    }
    return found;
  }

  /// The indices of the layers with weights, in order: the linear ones and grouped convolutions.
  ///
  /// @return indices of [Layer.WeightedLayer] nodes
  public List<Integer> weightedLayers() {
    List<Integer> found = new ArrayList<>();
    for (int i = 0; i < nodes.size(); i++) {
      if (nodes.get(i).layer() instanceof Layer.WeightedLayer) {
        found.add(i);
      }
    }
    return found;
  }

  /// All parameters in node order.
  ///
  /// @return trained parameters and running statistics
  public List<Parameter> parameters() {
    List<Parameter> all = new ArrayList<>();
    for (int i = 0; i < nodes.size(); i++) {
      all.addAll(parameters(i));
    }
    return all;
  }

  /// The parameters of one node.
  ///
  /// @param index a node's index
  /// @return weights first
  public List<Parameter> parameters(int index) {
    List<Parameter> all = trainable(index);
    if (saturates) {
      all = all.stream().map(p -> p.from(Parameter.Initial.SMALL_UNIFORM)).toList();
    }
    return nodes.get(index).frozen() ? all.stream().map(Parameter::asFrozen).toList() : all;
  }

  private List<Parameter> trainable(int index) {
    Node node = nodes.get(index);
    int in = inputShape(index).channels();
    String prefix = node.name() + ".";
    return switch (node.layer()) {
      case Conv2d(int out, int kernel, int _, int _, boolean standardized, boolean bias) ->
          convolution(prefix, out, kernel, in, standardized, bias);
      case GroupedConv2d(
              int out,
              int kernel,
              int _,
              int _,
              int groups,
              boolean standardized,
              boolean bias) ->
          convolution(prefix, out, kernel, in / groups, standardized, bias);
      case Linear(int out) ->
          List.of(
              Parameter.of(prefix + "weight", Parameter.Kind.WEIGHT, out, 1, 1, in),
              vector(prefix + "bias", Parameter.Kind.BIAS, out));
      case BatchNorm _ ->
          List.of(
              vector(prefix + "weight", Parameter.Kind.SCALE, in),
              vector(prefix + "bias", Parameter.Kind.SHIFT, in),
              vector(prefix + "running_mean", Parameter.Kind.RUNNING_MEAN, in),
              vector(prefix + "running_var", Parameter.Kind.RUNNING_VARIANCE, in));
      case GroupNorm(int _, float _, boolean affine) ->
          affine
              ? List.of(
                  vector(prefix + "weight", Parameter.Kind.SCALE, in),
                  vector(prefix + "bias", Parameter.Kind.SHIFT, in))
              : List.of();
      case Relu _,
          Activation _,
          Scattering _,
          MaxPool _,
          AvgPool _,
          GlobalAvgPool _,
          Add _,
          Concat _,
          Flatten _,
          Dropout _ ->
          List.of();
    };
  }

  private static List<Parameter> convolution(
      String prefix, int out, int kernel, int seen, boolean standardized, boolean bias) {
    Parameter.Kind kind = standardized ? Parameter.Kind.STANDARDIZED_WEIGHT : Parameter.Kind.WEIGHT;
    Parameter weight = Parameter.of(prefix + "weight", kind, out, kernel, kernel, seen);
    return bias
        ? List.of(weight, vector(prefix + "bias", Parameter.Kind.BIAS, out))
        : List.of(weight);
  }

  /// Multiply-adds of one example's forward pass through a layer with weights.
  ///
  /// @param index a node's index
  /// @return `OH OW O k k C / groups`; 0 for layers of other kinds
  public long multiplyAdds(int index) {
    Shape out = shape(index);
    int in = inputShape(index).channels();
    return switch (nodes.get(index).layer()) {
      case Conv2d conv -> (long) out.size() * conv.kernel() * conv.kernel() * in;
      case GroupedConv2d conv ->
          (long) out.size() * conv.kernel() * conv.kernel() * (in / conv.groups());
      case Linear _ -> (long) out.size() * in;
      case BatchNorm _,
          GroupNorm _,
          Relu _,
          Activation _,
          Scattering _,
          MaxPool _,
          AvgPool _,
          GlobalAvgPool _,
          Add _,
          Concat _,
          Flatten _,
          Dropout _ ->
          0;
    };
  }

  private static Parameter vector(String name, Parameter.Kind kind, int length) {
    return Parameter.of(name, kind, length);
  }

  private Shape infer(Node node) {
    int given = node.inputs().size();
    if (node.layer() instanceof Concat) {
      if (given < 2 || Set.copyOf(node.inputs()).size() < given) {
        throw misfit(node, "takes two inputs or more, each once, not " + node.inputs());
      }
    } else if (given != (node.layer() instanceof Add ? 2 : 1)) {
      throw misfit(
          node, "takes %s input(s), not %s".formatted(node.layer() instanceof Add ? 2 : 1, given));
    }
    for (int source : node.inputs()) {
      if (source < INPUT || source >= shapes.size()) {
        throw misfit(node, "reads node " + source + ", which does not come before it");
      }
    }
    Shape in = shape(node.inputs().getFirst());
    return switch (node.layer()) {
      case Conv2d(int out, int kernel, int stride, int padding, boolean _, boolean _) ->
          window(node, in, kernel, stride, padding, out);
      case GroupedConv2d(
              int out,
              int kernel,
              int stride,
              int padding,
              int groups,
              boolean _,
              boolean _) -> {
        if (in.channels() % groups != 0) {
          throw misfit(node, groups + " groups do not divide " + in.channels() + " channels");
        }
        yield window(node, in, kernel, stride, padding, out);
      }
      case MaxPool(int kernel, int stride, int padding) ->
          window(node, in, kernel, stride, padding, in.channels());
      case AvgPool(int kernel, int stride, int padding) ->
          window(node, in, kernel, stride, padding, in.channels());
      case Linear(int out) -> {
        if (in.pixels() != 1) {
          throw misfit(node, "needs a flat input (put Flatten before it), not " + in);
        }
        yield new Shape(1, 1, out);
      }
      case GroupNorm(int groups, float _, boolean _) -> {
        if (in.channels() % groups != 0) {
          throw misfit(node, groups + " groups do not divide " + in.channels() + " channels");
        }
        yield in;
      }
      case Add _ -> {
        Shape other = shape(node.inputs().getLast());
        if (!in.equals(other)) {
          throw misfit(node, "adds " + in + " and " + other + ", which differ");
        }
        if (node.inputs().getFirst().equals(node.inputs().getLast())) {
          throw misfit(node, "adds an output to itself");
        }
        yield in;
      }
      case Concat _ -> {
        int channels = 0;
        for (int source : node.inputs()) {
          Shape one = shape(source);
          if (one.height() != in.height() || one.width() != in.width()) {
            throw misfit(node, "joins " + in + " and " + one + ", whose maps differ in size");
          }
          channels = Math.addExact(channels, one.channels());
        }
        yield new Shape(in.height(), in.width(), channels);
      }
      case GlobalAvgPool _ -> new Shape(1, 1, in.channels());
      case Flatten _ -> new Shape(1, 1, in.size());
      case Scattering _ -> {
        if (node.inputs().getFirst() != INPUT) {
          throw misfit(node, "transforms the image itself and can only be the first layer");
        }
        int step = Scattering.REDUCTION;
        if (in.height() % step != 0 || in.width() % step != 0) {
          throw misfit(node, "height and width must be multiples of " + step + ", not " + in);
        }
        yield new Shape(in.height() / step, in.width() / step, in.channels() * Scattering.PATHS);
      }
      case BatchNorm _, Relu _, Activation _, Dropout _ -> in;
    };
  }

  private static Shape window(
      Node node, Shape in, int kernel, int stride, int padding, int channels) {
    int height = in.height() + 2 * padding - kernel;
    int width = in.width() + 2 * padding - kernel;
    if (height < 0 || width < 0) {
      throw misfit(
          node,
          "its "
              + kernel
              + "x"
              + kernel
              + " window does not fit the map "
              + in
              + ": the images are too small for this model");
    }
    return new Shape(height / stride + 1, width / stride + 1, channels);
  }

  private static IllegalArgumentException misfit(Node node, String what) {
    return new IllegalArgumentException("layer " + node.name() + ": " + what);
  }
}
