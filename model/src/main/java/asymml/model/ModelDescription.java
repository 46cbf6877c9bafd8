package asymml.model;

import asymml.model.Layer.Add;
import asymml.model.Layer.AvgPool;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Clip;
import asymml.model.Layer.Concat;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Dropout;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GlobalAvgPool;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.GroupedConv2d;
import asymml.model.Layer.HardSwish;
import asymml.model.Layer.LeakyRelu;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Layer.Scattering;
import asymml.model.Layer.Sigmoid;
import asymml.model.Layer.Tanh;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/// A network as text: YAML with a `name` and `layers`, each with `name`, `type`, the parameters of
/// its type and, where it reads something else than the layer before it, `inputs`: names of layers,
/// or `image`. The last layer, if it is linear, has as many outputs as there are classes.
///
/// Descriptions may be hostile: what they ask for is checked before memory is taken for it.
///
/// @param name the model's name
/// @param nodes its layers in topological order
public record ModelDescription(String name, List<Node> nodes) {
  /// The longest text.
  public static final int MOST_CHARACTERS = 1 << 20;

  /// The largest number of layers.
  public static final int MOST_LAYERS = 4096;

  /// What names of layers and models consist of.
  public static final Pattern NAME = Pattern.compile("[A-Za-z0-9_.:/-]{1,200}");

  private static final Pattern MODEL_NAME = Pattern.compile("[A-Za-z][A-Za-z0-9_.-]{0,63}");

  /// The most values of one example's map, and of all parameters: 4 GiB.
  private static final long MOST_VALUES = 1L << 30;

  static final String IMAGE = "image";
  static final String CLASSES = "classes";

  private static final YAMLMapper YAML =
      YAMLMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  /// Checks the names.
  ///
  /// @throws IllegalArgumentException if a name has other characters, or there are too many layers
  public ModelDescription {
    nodes = List.copyOf(nodes);
    if (!MODEL_NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "the name of a network has 1 to 64 letters, digits and characters of _ . -, and begins"
              + " with a letter");
    }
    if (nodes.isEmpty() || nodes.size() > MOST_LAYERS) {
      throw new IllegalArgumentException(
          "a network has 1 to %s layers, not %s".formatted(MOST_LAYERS, nodes.size()));
    }
    for (Node node : nodes) {
      requireName(node.name());
      if (node.name().equals(IMAGE)) {
        throw new IllegalArgumentException("a layer cannot be called image, as the input is");
      }
    }
  }

  private static void requireName(String name) {
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "a name has 1 to 200 letters, digits and characters of _ . : / -, unlike '%s'"
              .formatted(name.length() > 80 ? name.substring(0, 80) : name));
    }
  }

  /// The network for images and classes.
  ///
  /// @param input shape of one image
  /// @param classes number of logits, at least 2
  /// @return its graph
  /// @throws IllegalArgumentException one line, if a layer does not fit what it reads, or takes
  ///   more memory than a network here can have
  public Graph graph(Shape input, int classes) {
    List<Node> own = new ArrayList<>(nodes);
    Node last = own.getLast();
    if (last.layer() instanceof Linear) {
      own.set(own.size() - 1, new Node(last.name(), new Linear(classes), last.inputs()));
    }
    Graph graph;
    try {
      graph = new Graph(name, input, own);
      long parameters = 0;
      for (int i = 0; i < own.size(); i++) {
        if (graph.shape(i).size() > MOST_VALUES) {
          throw new IllegalArgumentException(
              "layer %s: a map of %s is too large".formatted(own.get(i).name(), graph.shape(i)));
        }
        for (Parameter p : graph.parameters(i)) {
          parameters = Math.addExact(parameters, p.size());
        }
      }
      if (parameters > MOST_VALUES) {
        throw new IllegalArgumentException(
            "%s has %s parameters, more than the %s of the largest network"
                .formatted(name, parameters, MOST_VALUES));
      }
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException("a layer of %s is too large".formatted(name), e);
    }
    if (graph.classes() != classes || graph.shape(own.size() - 1).pixels() != 1) {
      throw new IllegalArgumentException(
          "%s ends in %s, with an output of %s for %s classes: let it end in a linear layer"
              .formatted(name, last.name(), graph.shape(own.size() - 1), classes));
    }
    return graph;
  }

  /// Reads a description.
  ///
  /// @param yaml its text
  /// @return the network
  /// @throws IllegalArgumentException one line that names the layer, and what is wrong with it
  public static ModelDescription parse(String yaml) {
    if (yaml.length() > MOST_CHARACTERS) {
      throw new IllegalArgumentException(
          "a description of a network has at most %s characters, not %s"
              .formatted(MOST_CHARACTERS, yaml.length()));
    }
    JsonNode root;
    try {
      root = YAML.readTree(yaml);
    } catch (JacksonException e) {
      throw new IllegalArgumentException(
          "a description of a network is no YAML: %s (line %s)"
              .formatted(
                  String.valueOf(e.getOriginalMessage()).lines().findFirst().orElse(""),
                  e.getLocation() == null ? "?" : e.getLocation().getLineNr()),
          e);
    }
    DescribedLayer top = new DescribedLayer("the description", root);
    String name = top.text("name");
    JsonNode layers = top.list("layers");
    top.requireNothingElse();
    List<Node> nodes = new ArrayList<>();
    Map<String, Integer> indices = new HashMap<>(Map.of(IMAGE, Graph.INPUT));
    for (JsonNode each : layers) {
      if (nodes.size() >= MOST_LAYERS) {
        throw new IllegalArgumentException("a network has at most " + MOST_LAYERS + " layers");
      }
      DescribedLayer described = new DescribedLayer("layer " + (nodes.size() + 1), each);
      String layer = described.text("name");
      DescribedLayer own = described.called("layer " + layer);
      List<Integer> inputs = new ArrayList<>();
      for (String input : own.names("inputs")) {
        Integer index = indices.get(input);
        if (index == null) {
          throw own.wrong("reads '%s', which is no layer before it".formatted(input));
        }
        inputs.add(index);
      }
      boolean last = nodes.size() == layers.size() - 1;
      Layer made = layer(own, last);
      own.requireNothingElse();
      if (indices.putIfAbsent(layer, nodes.size()) != null) {
        throw own.wrong("is there twice");
      }
      nodes.add(new Node(layer, made, inputs.isEmpty() ? List.of(nodes.size() - 1) : inputs));
    }
    return new ModelDescription(name, nodes);
  }

  private static Layer layer(DescribedLayer own, boolean last) {
    String type = own.text("type");
    try {
      return switch (type) {
        case "conv" -> convolution(own);
        case "linear" -> new Linear(last ? own.integerOr("out", CLASSES, 2) : own.integer("out"));
        case "batch-norm" ->
            new BatchNorm(own.number("epsilon", 1e-5f), own.number("momentum", 0.1f));
        case "group-norm" ->
            new GroupNorm(
                own.integer("groups"), own.number("epsilon", 1e-5f), own.flag("affine", true));
        case "relu" -> new Relu();
        case "clip" -> new Clip(own.number("low", 0), own.number("high", 6));
        case "leaky-relu" -> new LeakyRelu(own.number("slope", 0.01f));
        case "sigmoid" -> new Sigmoid();
        case "hard-swish" -> new HardSwish();
        case "tanh" -> new Tanh();
        case "max-pool" -> {
          int kernel = own.integer("kernel");
          yield new MaxPool(kernel, own.integer("stride", kernel), own.integer("padding", 0));
        }
        case "avg-pool" -> {
          int kernel = own.integer("kernel");
          yield new AvgPool(kernel, own.integer("stride", kernel), own.integer("padding", 0));
        }
        case "global-avg-pool" -> new GlobalAvgPool();
        case "add" -> new Add();
        case "concat" -> new Concat();
        case "flatten" -> new Flatten();
        case "dropout" -> new Dropout(own.number("rate", 0.5f));
        case "scattering" -> new Scattering();
        default ->
            throw own.wrong(
                ("has the type '%s'; there are conv, linear, batch-norm, group-norm, relu, clip,"
                        + " leaky-relu, sigmoid, hard-swish, tanh, max-pool, avg-pool,"
                        + " global-avg-pool, add, concat, flatten, dropout and scattering")
                    .formatted(type));
      };
    } catch (DescribedLayer.WrongException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw own.wrong(String.valueOf(e.getMessage()));
    }
  }

  private static Layer convolution(DescribedLayer own) {
    int out = own.integer("out");
    int kernel = own.integer("kernel");
    int stride = own.integer("stride", 1);
    int padding = own.integer("padding", 0);
    int groups = own.integer("groups", 1);
    boolean standardized = own.flag("standardized", false);
    boolean bias = own.flag("bias", false);
    return groups == 1
        ? new Conv2d(out, kernel, stride, padding, standardized, bias)
        : new GroupedConv2d(out, kernel, stride, padding, groups, standardized, bias);
  }

  /// The description as text, one line for each layer.
  ///
  /// @return from which [#parse] makes an equal one, but for the number of classes
  public String yaml() {
    return DescriptionWriter.yaml(this);
  }
}
