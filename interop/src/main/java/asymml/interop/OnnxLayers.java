package asymml.interop;

import ai.onnx.proto.OnnxMl.NodeProto;
import asymml.model.Graph;
import asymml.model.Layer;
import asymml.model.ModelDescription;
import asymml.model.Node;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The layers that the nodes of an ONNX graph stand for, one node after the other.
final class OnnxLayers {
  /// What a name of an ONNX graph stands for, if it is no constant.
  private sealed interface Value {
    /// The pixels, whatever constant steps were done to them.
    record Image() implements Value {}

    /// A layer's output.
    ///
    /// @param layer its index
    /// @param flat whether it is `[N, C]`
    record Output(int layer, boolean flat) implements Value {}

    /// An output whose channels were put into groups, to be normalised.
    record Grouped(Output source, int groups) implements Value {}

    /// Groups, normalised.
    record Normalised(Grouped groups, float epsilon) implements Value {}
  }

  private final OnnxConstants constants = new OnnxConstants();
  private final Map<String, Value> values = new HashMap<>();
  private final Map<String, List<String>> readers = new HashMap<>();
  private final List<Node> nodes = new ArrayList<>();
  private final Set<String> names = new HashSet<>(Set.of("image"));
  private final Map<String, String> tensors = new LinkedHashMap<>();
  private boolean channelsLast;

  OnnxConstants constants() {
    return constants;
  }

  void image(String name) {
    values.put(name, new Value.Image());
  }

  /// Takes note of what a node reads.
  void reads(NodeProto node) {
    node.getInputList()
        .forEach(
            name -> readers.computeIfAbsent(name, _ -> new ArrayList<>()).add(node.getOpType()));
  }

  /// Whether images are `[N, H, W, C]`, and turned at the beginning.
  boolean channelsLast() {
    return channelsLast;
  }

  /// Takes up a node.
  ///
  /// @throws IllegalArgumentException one line that names it, if it is not supported
  void add(OnnxNode node) {
    Value made =
        switch (node.operator()) {
          case "Constant" -> {
            constants.constant(node);
            yield null;
          }
          case "Identity" -> identity(node);
          case "Cast" -> pixels(node, "to", "saturate");
          case "Transpose" -> transpose(node);
          case "Sub", "Div" -> arithmetic(node);
          case "Mul" -> multiplication(node);
          case "Add" -> addition(node);
          case "Conv" -> convolution(node);
          case "Gemm" -> linear(node);
          case "BatchNormalization" -> batchNorm(node);
          case "InstanceNormalization" -> instanceNorm(node);
          case "GroupNormalization" -> groupNorm(node);
          case "Relu" -> same(node, new Layer.Relu());
          case "Tanh" -> same(node, new Layer.Tanh());
          case "Sigmoid" -> same(node, new Layer.Sigmoid());
          case "HardSwish" -> same(node, new Layer.HardSwish());
          case "LeakyRelu" -> same(node, new Layer.LeakyRelu(node.number("alpha", 0.01f)));
          case "Clip" -> clip(node);
          case "MaxPool" -> maxPool(node);
          case "AveragePool" -> averagePool(node);
          case "GlobalAveragePool" ->
              layer(node, new Layer.GlobalAvgPool(), false, List.of(map(node, 0)));
          case "ReduceMean" -> mean(node);
          case "Concat" -> concatenation(node);
          case "Flatten" -> {
            node.require("axis", 1);
            yield flatten(node);
          }
          case "Reshape" -> reshape(node);
          case "Squeeze", "Unsqueeze" -> squeeze(node);
          case "Dropout" -> dropout(node);
          default -> throw node.wrong("is of an operator that is not supported");
        };
    node.requireNothingElse();
    if (made != null) {
      values.put(node.output(), made);
    }
  }

  private Value value(OnnxNode node, int index) {
    String name = node.input(index);
    Value value = name == null ? null : values.get(name);
    if (value == null) {
      throw node.wrong(
          constants.has(name)
              ? "reads a constant where a layer's output is needed"
              : "reads '%s', which neither a node before it nor an initialiser gives"
                  .formatted(OnnxNode.printable(String.valueOf(name))));
    }
    return value;
  }

  private Value.@Nullable Output output(OnnxNode node, int index) {
    return switch (value(node, index)) {
      case Value.Image _ -> null;
      case Value.Output output -> output;
      case Value.Grouped _, Value.Normalised _ ->
          throw node.wrong("reads the groups of a normalisation before they are put back");
    };
  }

  /// The layer that is read as a map.
  private int map(OnnxNode node, int index) {
    Value.Output output = output(node, index);
    return output == null ? Graph.INPUT : output.layer;
  }

  private boolean flat(OnnxNode node, int index) {
    Value.Output output = output(node, index);
    return output != null && output.flat;
  }

  private Value.Output layer(OnnxNode node, Layer layer, boolean flat, List<Integer> inputs) {
    return layer(node.name(), layer, flat, inputs);
  }

  private Value.Output layer(String name, Layer layer, boolean flat, List<Integer> inputs) {
    if (nodes.size() == ModelDescription.MOST_LAYERS) {
      throw new IllegalArgumentException(
          "it has more than %s layers".formatted(ModelDescription.MOST_LAYERS));
    }
    nodes.add(new Node(unique(name), layer, inputs));
    return new Value.Output(nodes.size() - 1, flat);
  }

  private String unique(String wanted) {
    String clean = wanted.replaceAll("[^A-Za-z0-9_.:/-]", "_");
    String base = clean.isEmpty() ? "layer" : clean.substring(0, Math.min(clean.length(), 180));
    String name = base;
    for (int i = 2; !names.add(name); i++) {
      name = base + "_" + i;
    }
    return name;
  }

  private Value.Output same(OnnxNode node, Layer layer) {
    return layer(node, layer, flat(node, 0), List.of(map(node, 0)));
  }

  /// A constant that must be there.
  private String weight(OnnxNode node, int index, String what) {
    String name = node.input(index);
    if (name == null || !constants.has(name)) {
      throw node.wrong(
          "needs its %s as a constant: '%s' is no initialiser"
              .formatted(what, OnnxNode.printable(String.valueOf(name))));
    }
    return name;
  }

  /// A layer with parameters, called as its first tensor.
  private Value.Output weighted(
      OnnxNode node, Layer layer, boolean flat, Map<String, String> parameters, int input) {
    String first = Objects.requireNonNull(parameters.get("weight"));
    String name = first.endsWith(".weight") ? first.substring(0, first.length() - 7) : node.name();
    Value.Output made = layer(name, layer, flat, List.of(input));
    String own = nodes.getLast().name();
    parameters.forEach((role, tensor) -> tensors.put(own + "." + role, constants.origin(tensor)));
    return made;
  }

  private @Nullable Value identity(OnnxNode node) {
    String name = node.input(0);
    if (name != null && constants.has(name)) {
      constants.alias(node.output(), name);
      return null;
    }
    return value(node, 0);
  }

  /// A step that changes pixels alone.
  private Value pixels(OnnxNode node, String... attributes) {
    if (!(value(node, 0) instanceof Value.Image image)) {
      throw node.wrong("is supported in front of the first layer only");
    }
    for (String attribute : attributes) {
      node.any(attribute);
    }
    return image;
  }

  private Value transpose(OnnxNode node) {
    Value image = pixels(node);
    List<Long> order = node.integers("perm");
    if (channelsLast || !List.of(0L, 3L, 1L, 2L).equals(order)) {
      throw node.wrong("turns axes in another way than channels to the front");
    }
    channelsLast = true;
    return image;
  }

  private Value arithmetic(OnnxNode node) {
    if (!constants.has(node.input(1))) {
      throw node.wrong("is supported with a constant, in front of the first layer only");
    }
    return pixels(node);
  }

  /// Which input of two is no constant.
  private int variable(OnnxNode node) {
    return constants.has(node.input(0)) ? 1 : 0;
  }

  private Value multiplication(OnnxNode node) {
    int own = variable(node);
    if (!constants.has(node.input(1 - own))) {
      throw node.wrong("multiplies two outputs, which is not supported");
    }
    Value value = value(node, own);
    return value instanceof Value.Image
        ? value
        : scale(node, value, weight(node, 1 - own, "factor"), "weight");
  }

  private Value addition(OnnxNode node) {
    if (constants.has(node.input(0)) || constants.has(node.input(1))) {
      int own = variable(node);
      Value value = value(node, own);
      return value instanceof Value.Image
          ? value
          : scale(node, value, weight(node, 1 - own, "term"), "bias");
    }
    boolean flat = flat(node, 0);
    return layer(node, new Layer.Add(), flat, List.of(map(node, 0), map(node, 1)));
  }

  /// Scale or shift behind a group normalisation that was put together of several nodes.
  private Value scale(OnnxNode node, Value value, String constant, String role) {
    boolean first = role.equals("weight");
    String read = String.valueOf(node.input(variable(node)));
    if (value instanceof Value.Output(int index, boolean _)
        && nodes.get(index).layer()
            instanceof Layer.GroupNorm(int groups, float eps, boolean affine)
        && affine != first
        && readers.getOrDefault(read, List.of()).size() == 1
        && !tensors.containsKey(nodes.get(index).name() + "." + role)
        && (first || tensors.containsKey(nodes.get(index).name() + ".weight"))) {
      Node norm = nodes.get(index);
      String name =
          first && constant.endsWith(".weight")
              ? unique(constant.substring(0, constant.length() - 7))
              : norm.name();
      nodes.set(index, new Node(name, new Layer.GroupNorm(groups, eps, true), norm.inputs()));
      tensors.put(name + "." + role, constants.origin(constant));
      return value;
    }
    throw node.wrong(
        "has a constant operand, which is supported behind a group normalisation only");
  }

  private Value convolution(OnnxNode node) {
    String weight = weight(node, 1, "weights");
    List<Long> axes = constants.axes(weight);
    if (axes.size() != 4) {
      throw node.wrong("has weights of %s axes: only images are supported".formatted(axes.size()));
    }
    OnnxWindow window = node.window(axes.subList(2, 4));
    int out = Math.toIntExact(axes.getFirst());
    long groups = node.integer("group", 1);
    Map<String, String> parameters = new LinkedHashMap<>(Map.of("weight", weight));
    boolean bias = node.input(2) != null && !normalised(node);
    if (node.input(2) != null) {
      parameters.put("bias", weight(node, 2, "bias"));
    }
    Layer layer =
        groups == 1
            ? new Layer.Conv2d(out, window.kernel(), window.stride(), window.padding(), false, bias)
            : new Layer.GroupedConv2d(
                out,
                window.kernel(),
                window.stride(),
                window.padding(),
                Math.toIntExact(groups),
                false,
                bias);
    return weighted(node, layer, false, parameters, map(node, 0));
  }

  /// Whether batch normalisation alone reads it: then a bias is part of the running mean.
  private boolean normalised(OnnxNode node) {
    return List.of("BatchNormalization").equals(readers.get(node.output()));
  }

  private Value linear(OnnxNode node) {
    String weight = weight(node, 1, "weights");
    List<Long> axes = constants.axes(weight);
    boolean transposed = node.integer("transB", 0) == 1;
    node.require("transA", 0);
    if (axes.size() != 2 || node.number("alpha", 1) != 1 || node.number("beta", 1) != 1) {
      throw node.wrong("is no plain linear layer: alpha and beta must be 1, weights a matrix");
    }
    int out = Math.toIntExact(transposed ? axes.getFirst() : axes.getLast());
    Map<String, String> parameters = new LinkedHashMap<>(Map.of("weight", weight));
    if (node.input(2) != null) {
      String bias = weight(node, 2, "bias");
      if (constants.size(bias) != out) {
        throw node.wrong(
            "has a bias of %s values for %s outputs".formatted(constants.size(bias), out));
      }
      parameters.put("bias", bias);
    }
    if (!flat(node, 0)) {
      throw node.wrong("reads a map: Flatten or Reshape must come before it");
    }
    return weighted(node, new Layer.Linear(out), true, parameters, map(node, 0));
  }

  private Map<String, String> norm(OnnxNode node, String... roles) {
    Map<String, String> parameters = new LinkedHashMap<>();
    for (int i = 0; i < roles.length; i++) {
      parameters.put(roles[i], weight(node, i + 1, roles[i]));
    }
    return parameters;
  }

  private Value batchNorm(OnnxNode node) {
    node.any("training_mode");
    node.require("spatial", 1);
    if (node.outputs().stream().skip(1).anyMatch(readers::containsKey)) {
      throw node.wrong("has more outputs than one that are read");
    }
    float momentum = Math.round(1e6f * (1 - node.number("momentum", 0.9f))) / 1e6f;
    Layer layer = new Layer.BatchNorm(node.number("epsilon", 1e-5f), momentum);
    Map<String, String> parameters = norm(node, "weight", "bias", "running_mean", "running_var");
    return weighted(node, layer, flat(node, 0), parameters, map(node, 0));
  }

  private Value instanceNorm(OnnxNode node) {
    float epsilon = node.number("epsilon", 1e-5f);
    Map<String, String> parameters = norm(node, "weight", "bias");
    long channels = constants.size(Objects.requireNonNull(parameters.get("weight")));
    if (value(node, 0) instanceof Value.Grouped grouped) {
      if (channels != grouped.groups
          || !constants.all(Objects.requireNonNull(parameters.get("weight")), 1)
          || !constants.all(Objects.requireNonNull(parameters.get("bias")), 0)) {
        throw node.wrong("scales groups, which is not supported: scales are of channels");
      }
      return new Value.Normalised(grouped, epsilon);
    }
    Layer layer = new Layer.GroupNorm(Math.toIntExact(channels), epsilon);
    return weighted(node, layer, flat(node, 0), parameters, map(node, 0));
  }

  private Value groupNorm(OnnxNode node) {
    node.any("stash_type");
    Layer layer =
        new Layer.GroupNorm(
            Math.toIntExact(node.integer("num_groups", 0)), node.number("epsilon", 1e-5f));
    return weighted(node, layer, flat(node, 0), norm(node, "weight", "bias"), map(node, 0));
  }

  private Value clip(OnnxNode node) {
    Float low = node.input(1) == null ? null : constants.number(node.input(1));
    Float high = node.input(2) == null ? null : constants.number(node.input(2));
    float least = low == null ? node.number("min", Float.NaN) : low;
    float most = high == null ? node.number("max", Float.NaN) : high;
    if (Float.isNaN(least) || Float.isNaN(most)) {
      throw node.wrong("needs two constants as its ends");
    }
    return same(node, new Layer.Clip(least, most));
  }

  private Value maxPool(OnnxNode node) {
    OnnxWindow window = node.window(null);
    node.require("ceil_mode", 0);
    node.require("storage_order", 0);
    if (node.outputs().size() > 1) {
      throw node.wrong("has more outputs than one");
    }
    Layer layer = new Layer.MaxPool(window.kernel(), window.stride(), window.padding());
    return layer(node, layer, false, List.of(map(node, 0)));
  }

  private Value averagePool(OnnxNode node) {
    OnnxWindow window = node.window(null);
    node.require("ceil_mode", 0);
    if (node.integer("count_include_pad", 0) != 0 && window.padding() > 0) {
      throw node.wrong("counts its padding, which is not supported");
    }
    Layer layer = new Layer.AvgPool(window.kernel(), window.stride(), window.padding());
    return layer(node, layer, false, List.of(map(node, 0)));
  }

  private @Nullable List<Long> axes(OnnxNode node) {
    List<Long> own = node.integers("axes");
    return own == null ? constants.integers(node.input(1)) : own;
  }

  private Value mean(OnnxNode node) {
    List<Long> axes = axes(node);
    node.require("noop_with_empty_axes", 0);
    boolean flat = node.integer("keepdims", 1) == 0;
    if (!List.of(2L, 3L).equals(axes) && !List.of(-2L, -1L).equals(axes)) {
      throw node.wrong("is a mean over other axes than height and width");
    }
    return layer(node, new Layer.GlobalAvgPool(), flat, List.of(map(node, 0)));
  }

  private Value concatenation(OnnxNode node) {
    long axis = node.integer("axis", 0);
    List<Integer> inputs = new ArrayList<>();
    for (int i = 0; i < node.inputs(); i++) {
      inputs.add(map(node, i));
    }
    boolean flat = flat(node, 0);
    if (axis != 1 && axis != (flat ? -1 : -3)) {
      throw node.wrong("joins along axis %s: only channels are supported".formatted(axis));
    }
    return inputs.size() == 1 ? value(node, 0) : layer(node, new Layer.Concat(), flat, inputs);
  }

  private Value flatten(OnnxNode node) {
    return flat(node, 0)
        ? value(node, 0)
        : layer(node, new Layer.Flatten(), true, List.of(map(node, 0)));
  }

  private Value reshape(OnnxNode node) {
    node.require("allowzero", 0);
    List<Long> shape = constants.integers(node.input(1));
    if (shape == null) {
      throw node.wrong(
          "takes a shape that is no constant: export the model with a fixed image size");
    }
    if (value(node, 0) instanceof Value.Normalised(Value.Grouped grouped, float epsilon)
        && (shape.size() == 4 || shape.size() == 2)) {
      Layer layer = new Layer.GroupNorm(grouped.groups, epsilon, false);
      return layer(node, layer, grouped.source.flat, List.of(grouped.source.layer));
    }
    boolean batch = !shape.isEmpty() && shape.getFirst() >= -1 && shape.getFirst() <= 1;
    if (batch && shape.size() == 3 && shape.getLast() == -1 && shape.get(1) >= 1) {
      Value.Output source = output(node, 0);
      if (source == null) {
        throw node.wrong("groups the pixels of the image");
      }
      return new Value.Grouped(source, Math.toIntExact(shape.get(1)));
    }
    if (!batch || shape.size() != 2 || shape.getLast() == 0) {
      throw node.wrong(
          "has the shape %s: only vectors [batch, values] are supported".formatted(shape));
    }
    return flatten(node);
  }

  private Value squeeze(OnnxNode node) {
    if (!List.of(2L, 3L).equals(axes(node)) && !List.of(-2L, -1L).equals(axes(node))) {
      throw node.wrong("is supported for height and width of one pixel only");
    }
    Value.Output source = output(node, 0);
    if (source == null || source.flat == node.operator().equals("Squeeze")) {
      throw node.wrong("does not fit what it reads");
    }
    return source.flat ? new Value.Output(source.layer, false) : flatten(node);
  }

  private Value dropout(OnnxNode node) {
    if (node.outputs().stream().skip(1).anyMatch(readers::containsKey)) {
      throw node.wrong("has a mask that is read");
    }
    node.any("seed");
    Float given = constants.number(node.input(1));
    float rate = given == null ? node.number("ratio", 0.5f) : given;
    return same(node, new Layer.Dropout(rate));
  }

  /// The network up to an output; layers that it does not need are left out.
  OnnxImport.Imported result(String name, String output) {
    if (!(values.get(output) instanceof Value.Output(int last, boolean _))) {
      throw new IllegalArgumentException(
          "its output '%s' is that of no layer".formatted(OnnxNode.printable(output)));
    }
    boolean[] needed = new boolean[nodes.size()];
    needed[last] = true;
    for (int i = last; i >= 0; i--) {
      if (needed[i]) {
        nodes.get(i).inputs().stream().filter(k -> k >= 0).forEach(k -> needed[k] = true);
      }
    }
    Map<Integer, Integer> places = new HashMap<>(Map.of(Graph.INPUT, Graph.INPUT));
    List<Node> kept = new ArrayList<>();
    for (int i = 0; i <= last; i++) {
      if (needed[i]) {
        places.put(i, kept.size());
        Node node = nodes.get(i);
        kept.add(
            new Node(
                node.name(),
                node.layer(),
                node.inputs().stream().map(k -> Objects.requireNonNull(places.get(k))).toList()));
      }
    }
    return new OnnxImport.Imported(new ModelDescription(name, kept), Map.copyOf(tensors));
  }
}
