package asymml.analysis;

import asymml.analysis.WorkerView.Operation;
import asymml.kernels.ConvShape;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Node;
import asymml.model.Shape;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Public knowledge: the network's graph and which of its linear layers are at the worker. A worker
/// can read either off the shapes it is given and this code.
public final class Architecture {
  private final Graph graph;
  private final Map<Integer, Operation> operations;

  /// Two linear layers at the worker with only a normalisation, a ReLU and pooling between them.
  ///
  /// @param from the earlier layer's node
  /// @param to the later layer's node
  /// @param relu the ReLU's node
  /// @param norm the normalisation between, or null
  /// @param pool the side of the pooled windows, 1 for none
  public record Neighbours(int from, int to, int relu, @Nullable Layer norm, int pool) {}

  private Architecture(Graph graph, Map<Integer, Operation> operations) {
    this.graph = graph;
    this.operations = operations;
  }

  /// Finds out which operation is which layer: those with the batch size of the first pass, in
  /// their order.
  ///
  /// @param view what the worker saw
  /// @param graph the network
  /// @param atWorker names of its linear layers that are at the worker, in the graph's order
  /// @return the layers of the first step
  /// @throws IllegalArgumentException if the operations are not those layers
  public static Architecture match(WorkerView view, Graph graph, List<String> atWorker) {
    int batch =
        view.operations().stream()
            .filter(op -> !op.passes().isEmpty())
            .mapToInt(op -> op.shape().batch())
            .findFirst()
            .orElseThrow(() -> new IllegalArgumentException("the recording holds no pass"));
    List<Operation> found =
        view.operations().stream().filter(op -> op.shape().batch() == batch).toList();
    List<Integer> nodes =
        graph.linearLayers().stream()
            .filter(i -> atWorker.contains(graph.nodes().get(i).name()))
            .toList();
    if (found.size() != nodes.size()) {
      throw new IllegalArgumentException(
          "the recording has %s operations for %s layers".formatted(found.size(), nodes.size()));
    }
    Map<Integer, Operation> operations = new LinkedHashMap<>();
    for (int i = 0; i < found.size(); i++) {
      ConvShape expected = shape(graph, nodes.get(i)).withBatch(batch);
      if (!found.get(i).shape().equals(expected)) {
        throw new IllegalArgumentException(
            "operation %s is %s, layer %s is %s"
                .formatted(
                    found.get(i).id(),
                    found.get(i).shape(),
                    graph.nodes().get(nodes.get(i)).name(),
                    expected));
      }
      operations.put(nodes.get(i), found.get(i));
    }
    return new Architecture(graph, operations);
  }

  private static ConvShape shape(Graph graph, int node) {
    Shape in = graph.inputShape(node);
    return switch (layer(graph, node)) {
      case Conv2d(int out, int kernel, int stride, int padding, boolean _, boolean _) ->
          new ConvShape(
              1, in.height(), in.width(), in.channels(), out, kernel, kernel, stride, padding);
      case Linear(int out) -> ConvShape.linear(1, in.channels(), out);
      case Layer other -> throw new IllegalArgumentException(other + " is not linear");
    };
  }

  private static Layer layer(Graph graph, int node) {
    return graph.nodes().get(node).layer();
  }

  /// The layers at the worker.
  ///
  /// @return node to operation, in the graph's order
  public Map<Integer, Operation> operations() {
    return Collections.unmodifiableMap(operations);
  }

  /// Whether a layer multiplies with standardised weights, so that what the worker gets is not what
  /// the optimiser steps.
  ///
  /// @param node a linear layer
  /// @return true if so
  public boolean standardises(int node) {
    return layer(graph, node)
            instanceof Conv2d(int _, int _, int _, int _, boolean standardised, boolean _)
        && standardised;
  }

  /// Pairs of layers through which mask and norm leak.
  ///
  /// @return in the graph's order
  public List<Neighbours> neighbours() {
    List<Neighbours> pairs = new ArrayList<>();
    for (int from : operations.keySet()) {
      Neighbours pair = follow(from);
      if (pair != null) {
        pairs.add(pair);
      }
    }
    return List.copyOf(pairs);
  }

  private @Nullable Neighbours follow(int from) {
    int node = onlyConsumer(from);
    Layer norm = null;
    if (node >= 0
        && (layer(graph, node) instanceof BatchNorm || layer(graph, node) instanceof GroupNorm)) {
      norm = layer(graph, node);
      node = onlyConsumer(node);
    }
    if (node < 0 || !(layer(graph, node) instanceof Relu)) {
      return null;
    }
    int relu = node;
    int pool = 1;
    node = onlyConsumer(node);
    if (node >= 0 && layer(graph, node) instanceof MaxPool(int kernel, int stride, int padding)) {
      Shape in = graph.inputShape(node);
      if (kernel != stride
          || padding != 0
          || in.height() % kernel != 0
          || in.width() % kernel != 0) {
        return null;
      }
      pool = kernel;
      node = onlyConsumer(node);
    }
    if (node >= 0 && layer(graph, node) instanceof Flatten) {
      node = onlyConsumer(node);
    }
    return operations.containsKey(node) ? new Neighbours(from, node, relu, norm, pool) : null;
  }

  /// The one node that reads another.
  ///
  /// @return its number, or -1 if there are none or several
  private int onlyConsumer(int node) {
    List<Integer> consumers = graph.consumers(node);
    return consumers.size() == 1 ? consumers.getFirst() : -1;
  }

  /// Whether a layer reads the images themselves.
  ///
  /// @param node a linear layer
  /// @return true for the first
  public boolean readsImages(int node) {
    return graph.nodes().get(node).inputs().equals(List.of(Graph.INPUT));
  }

  /// The part of the network that gives a layer its input.
  ///
  /// @param graph the network
  /// @param node a layer that does not read the images themselves
  /// @return what the input depends on, names kept, and at its end the input made flat
  public static Graph before(Graph graph, int node) {
    int source = graph.nodes().get(node).inputs().getFirst();
    if (source == Graph.INPUT) {
      throw new IllegalArgumentException(
          graph.nodes().get(node).name() + " reads the images themselves");
    }
    boolean[] needed = new boolean[source + 1];
    needed[source] = true;
    for (int i = source; i >= 0; i--) {
      if (needed[i]) {
        graph.nodes().get(i).inputs().stream()
            .filter(input -> input != Graph.INPUT)
            .forEach(input -> needed[input] = true);
      }
    }
    GraphBuilder part = new GraphBuilder(graph.input());
    int[] moved = new int[source + 1];
    for (int i = 0; i <= source; i++) {
      if (needed[i]) {
        Node old = graph.nodes().get(i);
        int[] inputs =
            old.inputs().stream().mapToInt(k -> k == Graph.INPUT ? k : moved[k]).toArray();
        moved[i] = part.add(old.name(), old.layer(), inputs);
      }
    }
    part.add("seen", new Flatten());
    return part.build(graph.name() + " before " + graph.nodes().get(node).name());
  }

  /// A layer's name.
  ///
  /// @param node its number
  /// @return as in the graph
  public String name(int node) {
    return graph.nodes().get(node).name();
  }
}
