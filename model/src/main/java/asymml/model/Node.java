package asymml.model;

import java.util.List;

/// One layer in a graph, with its place.
///
/// @param name unique in the graph, for example `layer1.0.conv1`
/// @param layer what it computes
/// @param inputs indices of the nodes it reads, each below its own index, or [Graph#INPUT]
/// @param frozen whether training leaves its parameters, running statistics among them, as they are
public record Node(String name, Layer layer, List<Integer> inputs, boolean frozen) {
  /// Copies the inputs.
  public Node {
    inputs = List.copyOf(inputs);
  }

  /// A layer that is trained.
  ///
  /// @param name unique in the graph
  /// @param layer what it computes
  /// @param inputs indices of the nodes it reads
  public Node(String name, Layer layer, List<Integer> inputs) {
    this(name, layer, inputs, false);
  }
}
