package asymml.trusted.rank;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Layer;
import asymml.model.Layer.Activation;
import asymml.model.Layer.Add;
import asymml.model.Layer.AvgPool;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Concat;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Dropout;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GlobalAvgPool;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.GroupedConv2d;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Layer.Scattering;
import asymml.model.Node;
import asymml.model.Shape;
import asymml.trusted.passes.LayerPass;
import asymml.trusted.rank.RankBounds.Check;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Everything that is computed exactly of one example: one thread's work.
final class ExampleRanks {
  private static final Check NOTHING_KEPT = new Check(0, 0, 0, 0);

  private final Graph graph;
  private final LayerPass pass;
  private final RankPlan plan;
  private final int example;
  private final Map<Integer, ExactSvd> decompositions = new HashMap<>();
  private final Map<Integer, Spectrum> inputs = new HashMap<>();
  private final Map<Integer, Spectrum> outputs = new HashMap<>();
  private final Map<Integer, Spectrum> gradients = new HashMap<>();
  private final Map<Integer, Check> checks = new LinkedHashMap<>();

  private ExampleRanks(Graph graph, LayerPass pass, RankPlan plan, int example) {
    this.graph = graph;
    this.pass = pass;
    this.plan = plan;
    this.example = example;
  }

  /// Decomposes and checks one example of a pass.
  static ExampleRanks of(Graph graph, LayerPass pass, RankPlan plan, int example) {
    ExampleRanks ranks = new ExampleRanks(graph, pass, plan, example);
    for (int node = 0; node < graph.nodes().size(); node++) {
      ranks.measure(node);
    }
    ranks.decompositions.clear(); // as large as all activations
    return ranks;
  }

  private void measure(int node) {
    Node it = graph.nodes().get(node);
    int source = it.inputs().getFirst();
    if (it.layer() instanceof Layer.LinearLayer) {
      inputs.put(node, decomposed(source).spectrum());
      outputs.put(node, decomposed(node).spectrum());
      gradients.put(node, ExactSvd.of(ExactSvd.matrix(pass.gradient(node), example)).spectrum());
    }
    Check check = check(it, node, source);
    if (check != null) {
      checks.put(node, check);
    }
  }

  private @Nullable Check check(Node it, int node, int source) {
    return switch (it.layer()) {
      case Conv2d _, Linear _ -> linear(node, source);
      case BatchNorm(float epsilon, float _) -> batchNorm(node, source, epsilon);
      case GroupNorm norm -> groupNorm(node, source, norm);
      case AvgPool(int kernel, int stride, int padding) ->
          average(node, source, kernel, kernel, stride, padding);
      case GlobalAvgPool _ -> {
        Shape in = graph.inputShape(node);
        yield average(node, source, in.height(), in.width(), 1, 0);
      }
      case Add _ -> sum(node, source, it.inputs().getLast());
      // Without an algebraic bound, or nothing but a view.
      case GroupedConv2d _,
          Relu _,
          Activation _,
          Scattering _,
          MaxPool _,
          Concat _,
          Flatten _,
          Dropout _ ->
          null;
    };
  }

  private ExactSvd decomposed(int node) {
    return decompositions.computeIfAbsent(
        node, n -> ExactSvd.of(ExactSvd.matrix(pass.output(n), example)));
  }

  private Check linear(int node, int source) {
    int rank = plan.rank(node);
    return rank == 0
        ? NOTHING_KEPT
        : RankBounds.convolution(
            decomposed(source).truncated(rank), plan.weights(node), pass.shape(node));
  }

  /// At the running statistics: a pass in training has moved them to this batch's a little.
  private @Nullable Check batchNorm(int node, int source, float epsilon) {
    double[] scale = doubles(pass.parameter(node, "weight"));
    double[] shift = doubles(pass.parameter(node, "bias"));
    double[] mean = doubles(pass.parameter(node, "running_mean"));
    double[] variance = doubles(pass.parameter(node, "running_var"));
    for (int c = 0; c < scale.length; c++) {
      scale[c] /= Math.sqrt(variance[c] + epsilon);
      shift[c] -= mean[c] * scale[c];
    }
    return affine(node, source, scale, shift);
  }

  /// At this example's own statistics.
  private @Nullable Check groupNorm(int node, int source, GroupNorm norm) {
    int channels = graph.shape(node).channels();
    double[] scale = new double[channels];
    double[] shift = new double[channels];
    Arrays.fill(scale, 1);
    if (norm.affine()) {
      scale = doubles(pass.parameter(node, "weight"));
      shift = doubles(pass.parameter(node, "bias"));
    }
    double[][] x = ExactSvd.matrix(pass.output(source), example);
    int groups = norm.groups();
    int width = channels / groups;
    double count = (double) x.length * width;
    for (int g = 0; g < groups; g++) {
      double sum = 0;
      double squares = 0;
      for (double[] row : x) {
        for (int c = g * width; c < (g + 1) * width; c++) {
          sum += row[c];
          squares += row[c] * row[c];
        }
      }
      double mean = sum / count;
      double variance = Math.max(0, squares / count - mean * mean);
      for (int c = g * width; c < (g + 1) * width; c++) {
        scale[c] /= Math.sqrt(variance + norm.epsilon());
        shift[c] -= mean * scale[c];
      }
    }
    return affine(node, source, scale, shift);
  }

  private @Nullable Check affine(int node, int source, double[] scale, double[] shift) {
    int rank = plan.rank(node);
    return rank == 0 ? null : RankBounds.affine(decomposed(source).truncated(rank), scale, shift);
  }

  private @Nullable Check average(
      int node, int source, int kernelHeight, int kernelWidth, int stride, int padding) {
    int rank = plan.rank(node);
    if (rank == 0) {
      return null;
    }
    Shape in = graph.inputShape(node);
    return RankBounds.average(
        decomposed(source).truncated(rank),
        new ConvShape(
            1, in.height(), in.width(), 1, 1, kernelHeight, kernelWidth, stride, padding));
  }

  private @Nullable Check sum(int node, int first, int second) {
    int rank = plan.rank(node);
    return rank == 0
        ? null
        : RankBounds.sum(decomposed(first).truncated(rank), decomposed(second).truncated(rank));
  }

  private static double[] doubles(Tensor tensor) {
    float[] values = tensor.toArray();
    double[] doubles = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      doubles[i] = values[i];
    }
    return doubles;
  }

  /// The singular values of a linear layer's input.
  Spectrum input(int node) {
    return find(inputs, node);
  }

  /// The singular values of a linear layer's output.
  Spectrum output(int node) {
    return find(outputs, node);
  }

  /// The singular values of the gradient of a linear layer's output.
  Spectrum gradient(int node) {
    return find(gradients, node);
  }

  /// What the check of a node gave; null where there is none.
  @Nullable Check check(int node) {
    return checks.get(node);
  }

  private static Spectrum find(Map<Integer, Spectrum> map, int node) {
    Spectrum spectrum = map.get(node);
    if (spectrum == null) {
      throw new IllegalArgumentException("node " + node + " is not linear");
    }
    return spectrum;
  }
}
