package asymml.trusted.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.DoubleSum;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Initializer;
import asymml.model.Layer.Add;
import asymml.model.Layer.AvgPool;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.GroupedConv2d;
import asymml.model.Layer.Linear;
import asymml.model.Layer.Relu;
import asymml.model.Layer.Tanh;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.PerExampleGradients;
import asymml.trusted.ops.PerExampleMethod;
import asymml.trusted.ops.PerExamplePlan;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Norms and weighted sums of the gradients of single examples, by every method, against brute
/// force: each example alone, each parameter moved both ways, in double precision.
class PerExampleGradientsTest {
  private static final long SEED = 20_261_130;
  private static final long PLENTY = 1L << 30;
  private static final int EXAMPLES = 5;
  private static final int CLASSES = 3;

  private final SplittableRandom random = new SplittableRandom(SEED);

  /// Strides, padding and none, 1x1, an odd size, shared inputs, biases, with or without
  /// standardised weights.
  private static Graph graph(boolean standardized) {
    GraphBuilder b = new GraphBuilder(new Shape(9, 7, 2));
    b.add("conv1", new Conv2d(4, 3, 2, 1, standardized));
    b.add("norm1", new GroupNorm(2, 1e-5f));
    int start = b.add("relu1", new Relu());
    b.add("conv2", new Conv2d(6, 3, 1, 1, standardized));
    int main = b.add("tanh2", new Tanh());
    int side = b.add("conv3", new Conv2d(6, 1, 1, 0, standardized), start);
    b.add("add", new Add(), main, side);
    b.add("pool", new AvgPool(2, 2, 0));
    b.add("depthwise", new GroupedConv2d(6, 3, 1, 1, 6, standardized, false));
    b.add("grouped", new GroupedConv2d(4, 1, 1, 0, 2, false, true));
    b.add("conv4", new Conv2d(5, 2, 1, 0, false, true));
    b.add("tanh4", new Tanh());
    b.add("flatten", new Flatten());
    b.add("fc1", new Linear(7));
    b.add("tanh5", new Tanh());
    b.add("fc2", new Linear(CLASSES));
    return b.build("small");
  }

  private static List<Parameter> trained(Graph graph) {
    return graph.parameters().stream().filter(p -> p.kind().trained()).toList();
  }

  private float[][] images(Graph graph) {
    float[][] images = new float[EXAMPLES][graph.input().size()];
    for (int n = 0; n < EXAMPLES; n++) {
      // From small to large gradients.
      double size = Math.pow(4, n - 2);
      for (int i = 0; i < images[n].length; i++) {
        images[n][i] = (float) (size * random.nextDouble(-1, 1));
      }
    }
    return images;
  }

  private void disturb(Graph graph, Parameters parameters) {
    for (Parameter p : trained(graph)) {
      Tensor value = parameters.value(p.name());
      for (long i = 0; i < value.size(); i++) {
        value.set(i, value.get(i) + (float) random.nextDouble(-0.2, 0.2));
      }
    }
    parameters.changed();
  }

  /// By what the layers compute with, in the order of the parameters.
  private static double[][] bruteForce(
      Graph graph, Parameters parameters, float[][] images, int[] labels) {
    Map<String, double[]> used = new HashMap<>();
    for (Parameter p : graph.parameters()) {
      used.put(p.name(), doubles(parameters.used(p.name()).toArray()));
    }
    OracleNetwork oracle = new OracleNetwork(graph(false), 1, used, Map.of());
    double[][] gradients = new double[images.length][];
    double step = 1e-5;
    for (int n = 0; n < images.length; n++) {
      double[] image = doubles(images[n]);
      int[] label = {labels[n]};
      gradients[n] =
          trained(graph).stream()
              .flatMapToDouble(p -> {
                double[] values = Objects.requireNonNull(used.get(p.name()));
                return IntStream.range(0, values.length)
                    .mapToDouble(i -> {
                      double value = values[i];
                      values[i] = value + step;
                      double above = oracle.loss(image, label, 0);
                      values[i] = value - step;
                      double below = oracle.loss(image, label, 0);
                      values[i] = value;
                      return (above - below) / (2 * step);
                    });
              })
              .toArray();
    }
    return gradients;
  }

  private static double[] doubles(float[] values) {
    return IntStream.range(0, values.length).mapToDouble(i -> values[i]).toArray();
  }

  private static double norm(double[] vector) {
    return Math.sqrt(Arrays.stream(vector).map(v -> v * v).sum());
  }

  private interface Look {
    void at(PerExampleGradients gradients) throws Exception;
  }

  private static void pass(
      Graph graph,
      Parameters parameters,
      float[][] images,
      int[] labels,
      PerExamplePlan plan,
      Look look)
      throws Exception {
    try (PerExampleGradients gradients = new PerExampleGradients(plan);
        TrustedNetwork network =
            TrustedNetwork.forPrivateTraining(graph, parameters, SEED, gradients)) {
      // Twice, as buffers hold what the pass before left there.
      for (int pass = 0; pass < 2; pass++) {
        for (int n = 0; n < images.length; n++) {
          network.input().examples(n, 1).copyFrom(images[n]);
        }
        network.forward(0);
        SoftmaxCrossEntropy.evaluate(network.logits(), labels, 0, 1, network.logitsGradient());
        network.backward();
        look.at(gradients);
      }
    }
  }

  private static double[] sum(Graph graph, PerExampleGradients gradients, double[] weights) {
    DoubleSum sum = gradients.newSum();
    gradients.addTo(sum, weights);
    return trained(graph).stream()
        .flatMapToDouble(p -> {
          float[] values = new float[Math.toIntExact(p.size())];
          try (Arena arena = Arena.ofConfined()) {
            Tensor out = Tensor.allocate(arena, p.shape());
            gradients.read(sum, p.name(), out);
            System.arraycopy(out.toArray(), 0, values, 0, values.length);
          }
          return Arrays.stream(doubles(values));
        })
        .toArray();
  }

  @ParameterizedTest
  @NullSource
  @ValueSource(strings = {"STORED", "GHOST", "RECOMPUTED"})
  void norms_and_sums_are_those_of_each_example_alone_in_double_precision(@Nullable String method)
      throws Exception {
    PerExampleMethod asked = method == null ? null : PerExampleMethod.valueOf(method);
    int[] labels = {0, 1, 2, 1, 0};
    double[] weights = {0.5, 1, 0, 0.25, 2};
    for (boolean standardized : new boolean[] {false, true}) {
      Graph graph = graph(standardized);
      float[][] images = images(graph);
      try (Parameters parameters = new Parameters(graph, new Initializer(SEED), true)) {
        disturb(graph, parameters);
        double[][] alone = bruteForce(graph, parameters, images, labels);
        double[] expected = new double[alone[0].length];
        double bound = 0;
        for (int n = 0; n < EXAMPLES; n++) {
          for (int k = 0; k < expected.length; k++) {
            expected[k] += weights[n] * alone[n][k];
          }
          bound += weights[n] * norm(alone[n]);
        }
        double most = bound;
        PerExamplePlan plan = PerExamplePlan.of(graph, EXAMPLES, 1, asked, PLENTY);
        pass(
            graph,
            parameters,
            images,
            labels,
            plan,
            gradients -> {
              double[] norms = gradients.norms();
              for (int n = 0; n < EXAMPLES; n++) {
                double relative = norms[n] / norm(alone[n]) - 1;
                assertThat(relative).as("example %s", n).isBetween(-1e-6, 1e-5);
              }
              double[] sum = sum(graph, gradients, weights);
              double[] off =
                  IntStream.range(0, sum.length).mapToDouble(k -> sum[k] - expected[k]).toArray();
              assertThat(norm(off)).isLessThan(1e-5 * most);
            });
      }
    }
  }

  /// Two images with two views each, of different size, as if they were four.
  @ParameterizedTest
  @NullSource
  @ValueSource(strings = {"STORED", "GHOST", "RECOMPUTED"})
  void views_of_an_example_are_added_before_its_norm_is_taken(@Nullable String method)
      throws Exception {
    PerExampleMethod asked = method == null ? null : PerExampleMethod.valueOf(method);
    int[] labels = {1, 1, 2, 2};
    double[] weights = {0.5, 2};
    Graph graph = graph(true);
    float[][] images = Arrays.copyOfRange(images(graph), 1, 5);
    try (Parameters parameters = new Parameters(graph, new Initializer(SEED), true)) {
      disturb(graph, parameters);
      double[][] places = bruteForce(graph, parameters, images, labels);
      double[][] examples = new double[2][places[0].length];
      double[] expected = new double[places[0].length];
      for (int k = 0; k < expected.length; k++) {
        for (int n = 0; n < 4; n++) {
          examples[n / 2][k] += places[n][k];
          expected[k] += weights[n / 2] * places[n][k];
        }
      }
      pass(
          graph,
          parameters,
          images,
          labels,
          PerExamplePlan.of(graph, 4, 2, asked, PLENTY),
          gradients -> {
            assertThat(gradients.examples()).isEqualTo(2);
            assertThat(gradients.places()).isEqualTo(4);
            double[] norms = gradients.norms();
            double most = 0;
            for (int n = 0; n < 2; n++) {
              assertThat(norms[n] / norm(examples[n]) - 1).isBetween(-1e-6, 1e-5);
              most += weights[n] * norm(examples[n]);
            }
            double[] sum = sum(graph, gradients, weights);
            double[] off =
                IntStream.range(0, sum.length).mapToDouble(k -> sum[k] - expected[k]).toArray();
            assertThat(norm(off)).isLessThan(1e-5 * most);
          });
    }
  }

  /// The gradient of one position is the negative of its neighbour's: what is left of 1e4 times as
  /// much.
  @Test
  void norms_of_gradients_that_cancel_are_exact_by_every_method() throws Exception {
    GraphBuilder b = new GraphBuilder(new Shape(1, 2, 3));
    b.add("conv", new Conv2d(4, 1, 1, 0));
    b.add("flatten", new Flatten());
    b.add("fc", new Linear(2));
    Graph graph = b.build("cancels");
    float[][] images = {{1000, 2000, -3000, 1000.125f, 2000.25f, -3000}};
    try (Parameters parameters = new Parameters(graph, new Initializer(SEED), true)) {
      Tensor head = parameters.value("fc.weight");
      for (int i = 0; i < 8; i++) {
        float value = i % 4 + 1;
        head.set(i, i < 4 ? value : -value);
        head.set(8 + i, i < 4 ? -value : value);
      }
      parameters.value("fc.bias").fill(0);
      parameters.value("conv.weight").fill(0);
      parameters.changed();
      double[] found = new double[3];
      PerExampleMethod[] methods = {
        PerExampleMethod.STORED, PerExampleMethod.GHOST, PerExampleMethod.RECOMPUTED
      };
      for (int m = 0; m < 3; m++) {
        int at = m;
        pass(
            graph,
            parameters,
            images,
            new int[] {0},
            PerExamplePlan.of(graph, 1, 1, methods[m], PLENTY),
            gradients -> found[at] = gradients.norms()[0]);
      }
      // dy = -+ (1, 2, 3, 4) at the two positions, and the inputs differ by (1/8, 1/4, 0).
      double expected = Math.sqrt(30 * (1.0 / 64 + 1.0 / 16) + 0.5 /* biases of the classifier */);
      for (double norm : found) {
        assertThat(norm / expected - 1).isBetween(-1e-6, 1e-5);
      }
    }
  }

  @ParameterizedTest
  @NullSource
  @ValueSource(strings = {"STORED", "GHOST", "RECOMPUTED"})
  void an_example_of_weight_zero_may_hold_anything(@Nullable String method) throws Exception {
    PerExampleMethod asked = method == null ? null : PerExampleMethod.valueOf(method);
    Graph graph = graph(true);
    float[][] images = images(graph);
    int[] labels = {0, 1, 2, 1, 0};
    double[] weights = {1, 1, 0, 1, 1};
    PerExamplePlan plan = PerExamplePlan.of(graph, EXAMPLES, 1, asked, PLENTY);
    try (Parameters parameters = new Parameters(graph, new Initializer(SEED), true)) {
      double[][] sums = new double[2][];
      pass(
          graph,
          parameters,
          images,
          labels,
          plan,
          gradients -> sums[0] = sum(graph, gradients, weights));
      images[2][11] = Float.NaN;
      labels[2] = SoftmaxCrossEntropy.NO_LABEL;
      pass(
          graph,
          parameters,
          images,
          labels,
          plan,
          gradients -> sums[1] = sum(graph, gradients, weights));
      assertThat(sums[1]).containsExactly(sums[0]);
    }
  }

  @Test
  void sums_of_ghost_layers_round_by_no_more_than_they_say() throws Exception {
    Graph graph = Zoo.build("cnn", new Shape(16, 16, 3), CLASSES, Zoo.Norm.GROUP);
    int count = 12;
    float[][] images = new float[count][graph.input().size()];
    for (float[] image : images) {
      for (int i = 0; i < image.length; i++) {
        image[i] = (float) random.nextDouble(-1, 1);
      }
    }
    int[] labels = random.ints(count, 0, CLASSES).toArray();
    try (Parameters parameters = new Parameters(graph, new Initializer(SEED), true)) {
      double[][] found = new double[2][];
      double[] rounding = new double[2];
      PerExampleMethod[] methods = {PerExampleMethod.STORED, PerExampleMethod.GHOST};
      for (int m = 0; m < 2; m++) {
        int at = m;
        pass(
            graph,
            parameters,
            images,
            labels,
            PerExamplePlan.of(graph, count, 1, methods[m], PLENTY),
            gradients -> {
              double[] norms = gradients.norms();
              double[] least = gradients.leastNorms();
              double[] weights =
                  IntStream.range(0, count)
                      .mapToDouble(i -> 1 / Math.max(norms[i], least[i]))
                      .toArray();
              rounding[at] = gradients.rounding();
              found[at] = sum(graph, gradients, weights);
            });
      }
      double[] off =
          IntStream.range(0, found[0].length).mapToDouble(k -> found[0][k] - found[1][k]).toArray();
      assertThat(rounding[0]).isZero();
      // Of each block once, of the difference that one example makes twice.
      assertThat(norm(off)).isLessThan(count * rounding[1] / 2);
      assertThat(rounding[1]).isBetween(1e-5, 0.02);
    }
  }

  @Test
  void methods_follow_the_shape_and_the_memory() {
    Graph scatter = Zoo.build("scatter-cnn", new Shape(32, 32, 3), 10, Zoo.Norm.GROUP);
    assertThat(PerExamplePlan.of(scatter, 128, 1, null, PLENTY).methods())
        .isEqualTo(
            Map.of(
                "conv1", PerExampleMethod.GHOST,
                "conv2", PerExampleMethod.GHOST,
                "fc", PerExampleMethod.PRODUCT));
    Graph resnet = Zoo.build("resnet20", new Shape(32, 32, 3), 10, Zoo.Norm.GROUP);
    PerExamplePlan plenty = PerExamplePlan.of(resnet, 128, 1, null, PLENTY);
    assertThat(plenty.method("conv1")).isEqualTo(PerExampleMethod.STORED);
    assertThat(plenty.method("fc")).isEqualTo(PerExampleMethod.PRODUCT);
    PerExamplePlan scarce = PerExamplePlan.of(resnet, 128, 1, null, 40L << 20);
    assertThat(scarce.examples()).isEqualTo(128);
    assertThat(scarce.method("layer3.2.conv2")).isEqualTo(PerExampleMethod.RECOMPUTED);
    assertThat(scarce.method("layer1.0.conv1")).isEqualTo(PerExampleMethod.STORED);
    assertThat(PerExamplePlan.of(resnet, 128, 1, PerExampleMethod.STORED, 40L << 20).examples())
        .isBetween(1, 127);
    assertThatThrownBy(() -> PerExamplePlan.of(resnet, 128, 1, PerExampleMethod.STORED, 1 << 10))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("or another method than stored");
  }
}
