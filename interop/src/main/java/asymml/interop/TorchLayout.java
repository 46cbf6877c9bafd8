package asymml.interop;

import asymml.model.Graph;
import asymml.model.Layer;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.model.Shape;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// How PyTorch and ONNX lay out a graph's parameters: weights of convolutions `[O, C, kH, kW]`, of
/// linear layers `[O, C]`, where the inputs of a layer behind a flattened map are ordered `[C, H,
/// W]`. Ours are `[O, kH, kW, C]`, and maps are flattened as `[H, W, C]`.
final class TorchLayout {
  private final Map<String, Weights> weights = new HashMap<>();

  /// Weights as `[filters, channels, pixels]` there and `[filters, pixels, channels]` here.
  ///
  /// @param axes there
  private record Weights(int filters, int channels, int pixels, List<Integer> axes) {}

  /// The layout of a graph's parameters.
  ///
  /// @throws IllegalArgumentException if a layer other than a linear one depends on the order of a
  ///   flattened map; names the layer
  TorchLayout(Graph graph) {
    Map<Integer, Shape> flattened = new HashMap<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      Node node = graph.nodes().get(i);
      int source = node.inputs().getFirst();
      @Nullable Shape map = flattened.get(source);
      @Nullable Shape result =
          switch (node.layer()) {
            case Layer.Flatten _ -> map == null ? graph.shape(source) : map;
            case Layer.Relu _, Layer.Activation _, Layer.Dropout _ -> map;
            case Layer.Add _ -> {
              require(Objects.equals(map, flattened.get(node.inputs().getLast())), node);
              yield map;
            }
            case Layer.Linear _ -> {
              addLinear(graph, i, map == null ? graph.shape(source) : map);
              yield null;
            }
            case Layer.Conv2d _, Layer.GroupedConv2d _ -> {
              require(map == null, node);
              addConvolution(graph, i);
              yield null;
            }
            case Layer.Concat _ -> {
              require(node.inputs().stream().noneMatch(flattened::containsKey), node);
              yield null;
            }
            case Layer.BatchNorm _,
                Layer.GroupNorm _,
                Layer.Scattering _,
                Layer.MaxPool _,
                Layer.AvgPool _,
                Layer.GlobalAvgPool _ -> {
              require(map == null, node);
              yield null;
            }
          };
      if (result != null && result.pixels() > 1) {
        flattened.put(i, result);
      }
    }
  }

  private static void require(boolean holds, Node node) {
    if (!holds) {
      throw new IllegalArgumentException(
          "layer %s reads the values of a flattened map, whose order differs between programs"
              .formatted(node.name()));
    }
  }

  private void addLinear(Graph graph, int index, Shape map) {
    Parameter weight = graph.parameters(index).getFirst();
    int[] axes = weight.shape();
    weights.put(
        weight.name(),
        new Weights(axes[0], map.channels(), map.pixels(), List.of(axes[0], axes[3])));
  }

  private void addConvolution(Graph graph, int index) {
    Parameter weight = graph.parameters(index).getFirst();
    int[] axes = weight.shape();
    weights.put(
        weight.name(),
        new Weights(
            axes[0], axes[3], axes[1] * axes[2], List.of(axes[0], axes[3], axes[1], axes[2])));
  }

  /// The axis lengths there.
  ///
  /// @param parameter of the graph
  /// @return a new array
  int[] axes(Parameter parameter) {
    Weights own = weights.get(parameter.name());
    return own == null
        ? parameter.shape()
        : own.axes.stream().mapToInt(Integer::intValue).toArray();
  }

  /// From our layout to that one.
  ///
  /// @param parameter of the graph
  /// @param values `[O, kH, kW, C]`
  /// @return a new array
  float[] toTorch(Parameter parameter, float[] values) {
    Weights own = weights.get(parameter.name());
    return own == null ? values.clone() : swapped(values, own.filters, own.pixels, own.channels);
  }

  /// From that layout to ours.
  ///
  /// @param parameter of the graph
  /// @param values `[O, C, kH, kW]`, or `[O, C]`
  /// @return a new array
  float[] fromTorch(Parameter parameter, float[] values) {
    Weights own = weights.get(parameter.name());
    return own == null ? values.clone() : swapped(values, own.filters, own.channels, own.pixels);
  }

  /// `[outer, rows, columns]` to `[outer, columns, rows]`.
  static float[] swapped(float[] values, int outer, int rows, int columns) {
    float[] result = new float[values.length];
    for (int o = 0; o < outer; o++) {
      int start = o * rows * columns;
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < columns; c++) {
          result[start + c * rows + r] = values[start + r * columns + c];
        }
      }
    }
    return result;
  }
}
