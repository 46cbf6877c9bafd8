package asymml.model;

import java.util.List;

/// One layer in a graph, with its place.
///
/// @param name unique in the graph, for example `layer1.0.conv1`
/// @param layer what it computes
/// @param inputs indices of the nodes it reads, each below its own index, or [Graph#INPUT]
public record Node(String name, Layer layer, List<Integer> inputs) {
  /// Copies the inputs.
  public Node {
    inputs = List.copyOf(inputs);
  }
}
