package asymml.model;

import java.util.ArrayList;
import java.util.List;

/// Builds a [Graph] layer by layer; each call returns the new node's index, so that shortcuts are
/// plain edges.
public final class GraphBuilder {
  private final Shape input;
  private final List<Node> nodes = new ArrayList<>();

  /// Starts an empty graph.
  ///
  /// @param input shape of one example
  public GraphBuilder(Shape input) {
    this.input = input;
  }

  /// Appends a layer.
  ///
  /// @param name unique name
  /// @param layer what it computes
  /// @param inputs nodes it reads; none means the last node, or the network's input
  /// @return the new node's index
  public int add(String name, Layer layer, int... inputs) {
    List<Integer> sources = new ArrayList<>();
    for (int source : inputs) {
      sources.add(source);
    }
    if (sources.isEmpty()) {
      sources.add(last());
    }
    nodes.add(new Node(name, layer, sources));
    return last();
  }

  /// The last node's index.
  ///
  /// @return [Graph#INPUT] while the graph is empty
  public int last() {
    return nodes.size() - 1;
  }

  /// Finishes the graph.
  ///
  /// @param name the model's name
  /// @return the checked graph
  public Graph build(String name) {
    return new Graph(name, input, nodes);
  }
}
