package asymml.trusted.ops;

import asymml.kernels.ConvShape;
import asymml.model.Graph;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.GroupedConv2d;
import asymml.model.Layer.Linear;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.model.Shape;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Which method each linear layer of a network gets for the gradients of single examples.
///
/// Fully connected layers have outer products, and grouped convolutions, which have no Gram
/// matrices here, are never `ghost`. Others have the method asked for, or else the fastest one,
/// where those that are kept fit into memory: the largest layers are recomputed first. All other
/// trained parameters, biases and those of group norm, are few and are kept.
///
/// @param graph the network
/// @param examples of a physical batch, at least 1
/// @param views K, how many places an example has, one after the other, at least 1; its gradient is
///   the sum of theirs
/// @param methods of the linear layers that are trained, by name
public record PerExamplePlan(
    Graph graph, int examples, int views, Map<String, PerExampleMethod> methods) {
  /// Copies the methods.
  public PerExamplePlan {
    if (examples < 1) {
      throw new IllegalArgumentException("a batch has at least one example: " + examples);
    }
    if (views < 1) {
      throw new IllegalArgumentException("an example has at least 1 view: " + views);
    }
    methods = Map.copyOf(methods);
  }

  /// Chooses the methods.
  ///
  /// @param graph the network
  /// @param places of a physical batch that are wanted, at least 1
  /// @param views of an example, at least 1
  /// @param asked what all layers but fully connected ones get; null for the fastest that fit
  /// @param memoryBytes for what is kept of all examples
  /// @return of as many examples as have the places that are wanted, at least 1; or as fit where
  ///   the method is given
  /// @throws IllegalArgumentException if what must be kept of one example does not fit
  public static PerExamplePlan of(
      Graph graph, int places, int views, @Nullable PerExampleMethod asked, long memoryBytes) {
    int wanted = Math.max(1, places / views);
    Map<String, PerExampleMethod> methods = new LinkedHashMap<>();
    List<Integer> kept = new ArrayList<>();
    for (int i : graph.weightedLayers()) {
      if (!graph.takesGradient(i)) {
        continue; // frozen
      }
      ConvShape shape = shape(graph, i, 1);
      PerExampleMethod fastest = PerExampleMethod.fastest(shape, views);
      boolean given =
          asked == null
              || fastest == PerExampleMethod.PRODUCT
              || (shape.groups() > 1 && asked == PerExampleMethod.GHOST);
      PerExampleMethod method = given ? fastest : asked;
      methods.put(graph.nodes().get(i).name(), method);
      if (method == PerExampleMethod.STORED) {
        kept.add(i);
      }
    }
    kept.sort(Comparator.comparingLong(i -> -weights(graph, i)));
    PerExamplePlan plan = new PerExamplePlan(graph, wanted, views, methods);
    if (asked == null) {
      for (int i : kept) {
        if (plan.keptBytes(wanted) <= memoryBytes) {
          return plan;
        }
        methods.put(graph.nodes().get(i).name(), PerExampleMethod.RECOMPUTED);
        plan = new PerExamplePlan(graph, wanted, views, methods);
      }
    }
    long one = plan.keptBytes(1);
    if (one > memoryBytes) {
      throw new IllegalArgumentException(
          "what is kept of the gradient of one example takes %s bytes, and there are %s for all of a physical batch: more memory for examples' gradients is needed%s"
              .formatted(
                  one,
                  memoryBytes,
                  asked == PerExampleMethod.STORED ? ", or another method than stored" : ""));
    }
    return new PerExamplePlan(
        graph, Math.toIntExact(Math.min(wanted, memoryBytes / one)), views, methods);
  }

  /// The places of a physical batch.
  ///
  /// @return all views of all examples
  public int places() {
    return Math.multiplyExact(examples, views);
  }

  /// A layer's method.
  ///
  /// @param layer its name
  /// @return how its part is measured and added up
  /// @throws IllegalArgumentException if there is no such linear layer
  public PerExampleMethod method(String layer) {
    PerExampleMethod method = methods.get(layer);
    if (method == null) {
      throw new IllegalArgumentException("no such linear layer: " + layer);
    }
    return method;
  }

  private static long weights(Graph graph, int node) {
    return graph.parameters(node).stream()
        .filter(p -> p.kind().weight())
        .mapToLong(Parameter::size)
        .sum();
  }

  /// The shape of a linear layer.
  ///
  /// @param graph the network
  /// @param node the layer's number
  /// @param batch number of examples
  /// @return of the whole batch
  /// @throws IllegalArgumentException if the node is no linear layer
  public static ConvShape shape(Graph graph, int node, int batch) {
    Shape in = graph.inputShape(node);
    Node own = graph.nodes().get(node);
    return switch (own.layer()) {
      case Conv2d(int out, int kernel, int stride, int padding, boolean _, boolean _) ->
          new ConvShape(
              batch, in.height(), in.width(), in.channels(), out, kernel, kernel, stride, padding);
      case GroupedConv2d(
              int out,
              int kernel,
              int stride,
              int padding,
              int groups,
              boolean _,
              boolean _) ->
          new ConvShape(
              batch,
              in.height(),
              in.width(),
              in.channels(),
              out,
              kernel,
              kernel,
              stride,
              padding,
              groups);
      case Linear(int out) -> ConvShape.linear(batch, in.channels(), out);
      default ->
          throw new IllegalArgumentException("node " + node + " is not linear: " + own.layer());
    };
  }

  /// The memory that kept gradients take.
  private long keptBytes(int count) {
    return Math.multiplyExact(
        PerExampleGradients.width(keptParameters()), (long) count * Float.BYTES);
  }

  /// The trained parameters whose gradients are kept for each example.
  List<Parameter> keptParameters() {
    Set<String> others = othersWeights();
    return trained().stream().filter(p -> !others.contains(p.name())).toList();
  }

  /// The trained parameters whose gradients are not kept.
  List<Parameter> otherParameters() {
    Set<String> others = othersWeights();
    return trained().stream().filter(p -> others.contains(p.name())).toList();
  }

  private Set<String> othersWeights() {
    return methods.entrySet().stream()
        .filter(e -> e.getValue() != PerExampleMethod.STORED)
        .map(e -> weight(e.getKey()))
        .collect(Collectors.toSet());
  }

  private List<Parameter> trained() {
    return graph.parameters().stream().filter(p -> p.trained()).toList();
  }

  /// The layers whose input and output gradient are read after the backward pass.
  ///
  /// @return their names
  public Set<String> readLater() {
    return methods.entrySet().stream()
        .filter(e -> e.getValue() != PerExampleMethod.STORED)
        .map(Map.Entry::getKey)
        .collect(Collectors.toSet());
  }

  /// The name of a layer's weight.
  static String weight(String layer) {
    return layer + ".weight";
  }
}
