package asymml.interop;

import asymml.model.Graph;
import asymml.model.Layer;
import asymml.model.Node;
import asymml.model.Parameter;
import java.util.LinkedHashMap;
import java.util.Map;

/// The names that torchvision's models give to the parameters of ours: `ResNet`, and `VGG` with
/// normalisation. VGG for small images, which torchvision lacks, has one linear layer `classifier`.
/// Models that torchvision does not have keep our names.
///
/// Source: torchvision 0.20, `torchvision/models/resnet.py` and `vgg.py`.
final class TorchNames {
  private TorchNames() {}

  /// The names of all parameters of a graph.
  ///
  /// @return by our name, in graph order
  static Map<String, String> of(Graph graph) {
    Map<String, String> layers = new LinkedHashMap<>();
    if (isVgg(graph)) {
      vgg(graph, layers);
    } else {
      for (Node node : graph.nodes()) {
        layers.put(
            node.name(),
            node.name()
                .replace(".downsample.conv", ".downsample.0")
                .replace(".downsample.bn", ".downsample.1"));
      }
    }
    Map<String, String> names = new LinkedHashMap<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      String own = graph.nodes().get(i).name();
      String theirs = layers.getOrDefault(own, own);
      for (Parameter p : graph.parameters(i)) {
        names.put(p.name(), theirs + p.name().substring(own.length()));
      }
    }
    return names;
  }

  /// Whether torchvision's convolutions have a bias here, which ours, in front of a normalisation,
  /// do without.
  static boolean hasConvolutionBias(Graph graph) {
    return isVgg(graph);
  }

  private static boolean isVgg(Graph graph) {
    return graph.name().startsWith("vgg");
  }

  /// `features` counts all layers up to the last pooling, `classifier` those behind it.
  private static void vgg(Graph graph, Map<String, String> layers) {
    int features = 0;
    int classifier = 0;
    long linear = graph.nodes().stream().filter(n -> n.layer() instanceof Layer.Linear).count();
    boolean flat = false;
    for (Node node : graph.nodes()) {
      if (node.layer() instanceof Layer.Flatten) {
        flat = true;
      } else if (flat) {
        layers.put(node.name(), linear == 1 ? "classifier" : "classifier." + classifier++);
      } else {
        layers.put(node.name(), "features." + features++);
      }
    }
  }
}
