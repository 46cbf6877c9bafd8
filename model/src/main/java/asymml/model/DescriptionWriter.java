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
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/// Writes a [ModelDescription]: one line for each layer, with what is not usual. Names are in
/// quotes where YAML would take them for something else.
final class DescriptionWriter {
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z_][A-Za-z0-9_./-]*");
  private static final Set<String> WORDS = Set.of("true", "false", "null");

  private DescriptionWriter() {}

  static String yaml(ModelDescription description) {
    List<Node> nodes = description.nodes();
    StringBuilder text =
        new StringBuilder("name: %s\nlayers:\n".formatted(quoted(description.name())));
    for (int i = 0; i < nodes.size(); i++) {
      Node node = nodes.get(i);
      text.append("  - {name: ").append(quoted(node.name())).append(", type: ");
      text.append(parameters(node.layer(), i == nodes.size() - 1));
      if (!node.inputs().equals(List.of(i - 1))) {
        text.append(", inputs: [")
            .append(
                String.join(
                    ", ",
                    node.inputs().stream()
                        .map(k ->
                            k == Graph.INPUT ? ModelDescription.IMAGE : quoted(nodes.get(k).name()))
                        .toList()))
            .append(']');
      }
      text.append("}\n");
    }
    return text.toString();
  }

  private static String quoted(String name) {
    return PLAIN.matcher(name).matches() && !WORDS.contains(name.toLowerCase(Locale.ROOT))
        ? name
        : '"' + name + '"';
  }

  private static String parameters(Layer layer, boolean last) {
    return switch (layer) {
      case Conv2d(
              int out,
              int kernel,
              int stride,
              int padding,
              boolean standardized,
              boolean bias) ->
          convolution(out, kernel, stride, padding, 1, standardized, bias);
      case GroupedConv2d(
              int out,
              int kernel,
              int stride,
              int padding,
              int groups,
              boolean standardized,
              boolean bias) ->
          convolution(out, kernel, stride, padding, groups, standardized, bias);
      case Linear(int out) ->
          "linear, out: " + (last ? ModelDescription.CLASSES : String.valueOf(out));
      case BatchNorm(float epsilon, float momentum) ->
          "batch-norm" + unless("epsilon", 1e-5f, epsilon) + unless("momentum", 0.1f, momentum);
      case GroupNorm(int groups, float epsilon, boolean affine) ->
          "group-norm, groups: "
              + groups
              + unless("epsilon", 1e-5f, epsilon)
              + (affine ? "" : ", affine: false");
      case Relu _ -> "relu";
      case Clip(float low, float high) -> "clip, low: %s, high: %s".formatted(low, high);
      case LeakyRelu(float slope) -> "leaky-relu, slope: " + slope;
      case Sigmoid _ -> "sigmoid";
      case HardSwish _ -> "hard-swish";
      case Tanh _ -> "tanh";
      case MaxPool(int kernel, int stride, int padding) ->
          "max-pool" + window(kernel, stride, padding);
      case AvgPool(int kernel, int stride, int padding) ->
          "avg-pool" + window(kernel, stride, padding);
      case GlobalAvgPool _ -> "global-avg-pool";
      case Add _ -> "add";
      case Concat _ -> "concat";
      case Flatten _ -> "flatten";
      case Dropout(float rate) -> "dropout, rate: " + rate;
      case Scattering _ -> "scattering";
    };
  }

  private static String convolution(
      int out,
      int kernel,
      int stride,
      int padding,
      int groups,
      boolean standardized,
      boolean bias) {
    return "conv, out: "
        + out
        + window(kernel, stride, padding)
        + (groups == 1 ? "" : ", groups: " + groups)
        + (standardized ? ", standardized: true" : "")
        + (bias ? ", bias: true" : "");
  }

  private static String window(int kernel, int stride, int padding) {
    return ", kernel: %s, stride: %s, padding: %s".formatted(kernel, stride, padding);
  }

  private static String unless(String key, float usual, float value) {
    return value == usual ? "" : ", %s: %s".formatted(key, value);
  }
}
