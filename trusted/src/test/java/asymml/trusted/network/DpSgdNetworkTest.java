package asymml.trusted.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.DoubleSum;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.trusted.boundary.ReleaseLog;
import asymml.trusted.boundary.SeededSecureRandom;
import asymml.trusted.boundary.SumNoise;
import asymml.trusted.ops.JointClip;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.PerExampleGradients;
import asymml.trusted.ops.PerExampleMethod;
import asymml.trusted.ops.PerExamplePlan;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// One step of DP-SGD against its definition: each example by itself, one norm over all parameters,
/// a double-precision sum.
class DpSgdNetworkTest {
  private static final long SEED = 20_261_129;
  private static final int NONE = SoftmaxCrossEntropy.NO_LABEL;

  /// Beside gradients of norm up to 1 in a sum of at most 21, noise that does not show.
  private static final NoiseMultiplier SILENT = new NoiseMultiplier(1e-7);

  private final SplittableRandom random = new SplittableRandom(SEED);

  private static Graph graph(String model) {
    return Zoo.build(model, new Shape(8, 8, 3), 5, Zoo.Norm.GROUP);
  }

  private static List<Parameter> trained(Graph graph) {
    return graph.parameters().stream().filter(p -> p.kind().trained()).toList();
  }

  private static PerExampleGradients rows(Graph graph, int places, int views) {
    return new PerExampleGradients(
        PerExamplePlan.of(graph, places, views, PerExampleMethod.STORED, 1L << 30));
  }

  private static Release joint(Graph graph, NoiseMultiplier noise) {
    return new Release(
        Channel.WEIGHTS,
        "all parameters",
        trained(graph).stream().mapToLong(Parameter::size).sum(),
        new Release.Gaussian(new ClipNorm(1), noise));
  }

  private float[][] images(Graph graph, int count) {
    float[][] images = new float[count][graph.input().size()];
    for (float[] image : images) {
      for (int i = 0; i < image.length; i++) {
        image[i] = (float) random.nextDouble(-1, 1);
      }
    }
    return images;
  }

  /// Weights that are not the initial ones: shifts that are not 0, scales that are not 1.
  private void disturb(Parameters parameters, Graph graph) {
    for (Parameter p : trained(graph)) {
      Tensor value = parameters.value(p.name());
      for (long i = 0; i < value.size(); i++) {
        value.set(i, value.get(i) + (float) random.nextDouble(-0.1, 0.1));
      }
    }
    parameters.changed();
  }

  /// The gradients of one step, all parameters in one vector, times the expected number.
  private static double[] step(
      Graph graph,
      Parameters parameters,
      float[][] images,
      int[] labels,
      int physical,
      double maxNorm,
      NoiseMultiplier noise)
      throws Exception {
    try (PerExampleGradients rows = rows(graph, physical, 1);
        TrustedNetwork network = TrustedNetwork.forPrivateTraining(graph, parameters, SEED, rows);
        SumNoise sumNoise = new SumNoise(new SeededSecureRandom(SEED), 2)) {
      ReleaseLog log = new ReleaseLog();
      sumNoise.log(log);
      log.begin(List.of(joint(graph, noise)));
      JointClip clip = new JointClip(rows, parameters, maxNorm);
      clip.begin();
      for (int from = 0; from < images.length; from += physical) {
        int[] own = Arrays.copyOfRange(labels, from, from + physical);
        for (int i = 0; i < physical; i++) {
          network.input().examples(i, 1).copyFrom(images[from + i]);
        }
        network.forward(0);
        SoftmaxCrossEntropy.evaluate(network.logits(), own, 0, 1, network.logitsGradient());
        network.backward();
        clip.add(i -> own[i] == NONE);
      }
      clip.finish(joint(graph, noise), sumNoise, 2);
      return vector(graph, parameters, 2);
    }
  }

  private static double[] vector(Graph graph, Parameters parameters, double times) {
    return trained(graph).stream()
        .flatMapToDouble(p -> {
          float[] values = parameters.gradient(p.name()).toArray();
          return IntStream.range(0, values.length).mapToDouble(i -> times * values[i]);
        })
        .toArray();
  }

  private static double norm(double[] vector) {
    return Math.sqrt(Arrays.stream(vector).map(v -> v * v).sum());
  }

  private static double distance(double[] a, double[] b) {
    return norm(IntStream.range(0, a.length).mapToDouble(i -> a[i] - b[i]).toArray());
  }

  /// Each example's gradient by itself, from a network that is checked against the definition
  /// elsewhere.
  private static double[][] alone(
      Graph graph, Parameters parameters, float[][] images, int[] labels) throws Exception {
    double[][] gradients = new double[images.length][];
    try (TrustedNetwork network = TrustedNetwork.forTraining(graph, 1, parameters, SEED)) {
      for (int i = 0; i < images.length; i++) {
        network.input().copyFrom(images[i]);
        network.forward(0);
        SoftmaxCrossEntropy.evaluate(
            network.logits(), new int[] {labels[i]}, 0, 1, network.logitsGradient());
        network.backward();
        gradients[i] = vector(graph, parameters, 1);
      }
    }
    return gradients;
  }

  /// With no example above the bound, factors are all 1 over the bound, and the chain rule through
  /// standardised weights commutes with the sum.
  @ParameterizedTest
  @ValueSource(strings = {"cnn", "resnet20"})
  void without_clipping_a_step_is_the_sum_of_what_each_example_gives_alone(String model)
      throws Exception {
    Graph graph = graph(model);
    float[][] images = images(graph, 6);
    int[] labels = {0, 1, 2, NONE, 4, 0};
    try (Parameters parameters = new Parameters(graph, new Initializer(SEED), true)) {
      disturb(parameters, graph);
      double[][] alone = alone(graph, parameters, images, new int[] {0, 1, 2, 3, 4, 0});
      double[] expected = new double[alone[0].length];
      for (int i = 0; i < images.length; i++) {
        for (int k = 0; labels[i] != NONE && k < expected.length; k++) {
          expected[k] += alone[i][k] / 1e3;
        }
      }
      double[] step = step(graph, parameters, images, labels, 3, 1e3, new NoiseMultiplier(1e-10));
      assertThat(distance(step, expected)).isLessThan(1e-5 * norm(expected));
    }
  }

  /// Places 2 and 3 are of one image, and one of them is not to be counted: then neither is.
  @Test
  void an_example_counts_with_all_of_its_views_or_not_at_all() throws Exception {
    Graph graph = graph("cnn");
    float[][] images = images(graph, 6);
    int[] labels = {0, 0, 1, 1, 2, 2};
    int[] whole = {0, 0, NONE, NONE, 2, 2};
    try (Parameters parameters = new Parameters(graph, new Initializer(SEED), true);
        PerExampleGradients rows = rows(graph, 6, 2);
        TrustedNetwork network = TrustedNetwork.forPrivateTraining(graph, parameters, SEED, rows);
        SumNoise noise = new SumNoise(new SeededSecureRandom(SEED), 1)) {
      ReleaseLog log = new ReleaseLog();
      noise.log(log);
      double[] expected = sum(graph, parameters, images, whole, 2, 1);
      for (int i = 0; i < images.length; i++) {
        network.input().examples(i, 1).copyFrom(images[i]);
      }
      network.forward(0);
      SoftmaxCrossEntropy.evaluate(network.logits(), labels, 0, 1, network.logitsGradient());
      network.backward();
      JointClip clip = new JointClip(rows, parameters, 1);
      assertThat(clip.views()).isEqualTo(2);
      clip.begin();
      clip.add(place -> place == 3);
      log.begin(List.of(joint(graph, SILENT)));
      clip.finish(joint(graph, SILENT), noise, 1);
      // Standardised weights have another gradient: those of the classifier are compared.
      double[] found = vector(graph, parameters, 1);
      int from = found.length - plainValues(graph);
      assertThat(
              distance(
                  Arrays.copyOfRange(found, from, found.length),
                  Arrays.copyOfRange(expected, from, expected.length)))
          .isLessThan(1e-4);
    }
  }

  @Test
  void the_size_of_physical_batches_changes_nothing() throws Exception {
    Graph graph = graph("cnn");
    float[][] images = images(graph, 12);
    int[] labels = random.ints(12, 0, 5).toArray();
    labels[5] = NONE;
    try (Parameters parameters = new Parameters(graph, new Initializer(SEED), true)) {
      double[] whole = step(graph, parameters, images, labels, 12, 0.1, SILENT);
      for (int physical : new int[] {1, 3, 4}) {
        double[] parts = step(graph, parameters, images, labels, physical, 0.1, SILENT);
        assertThat(distance(whole, parts)).isLessThan(2e-6 * norm(whole));
      }
    }
  }

  /// Unstandardised weights, so that the gradients are the sums themselves.
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4})
  void one_example_changes_the_sum_by_at_most_one_and_by_one_where_it_is_clipped(int views)
      throws Exception {
    Graph graph = graph("cnn");
    float[][] images = images(graph, 8);
    int[] drawn = random.ints(8, 0, 5).toArray();
    int[] labels = IntStream.range(0, 8).map(i -> drawn[i / views]).toArray();
    try (Parameters parameters = new Parameters(graph, new Initializer(SEED), true)) {
      for (double maxNorm : new double[] {1e-3, 1, 1e3}) {
        double[] all = sum(graph, parameters, images, labels, views, maxNorm);
        for (int i = 0; i < images.length; i += views) {
          int[] without = labels.clone();
          Arrays.fill(without, i, i + views, NONE);
          double change = distance(all, sum(graph, parameters, images, without, views, maxNorm));
          assertThat(change).isLessThanOrEqualTo(1);
          if (maxNorm == 1e-3) {
            assertThat(change).isGreaterThan(1 - 1e-5);
          }
        }
      }
    }
  }

  /// The sum of clipped gradients by the weights that layers compute with.
  private static double[] sum(
      Graph graph, Parameters parameters, float[][] images, int[] labels, int views, double maxNorm)
      throws Exception {
    try (PerExampleGradients rows = rows(graph, images.length, views);
        TrustedNetwork network = TrustedNetwork.forPrivateTraining(graph, parameters, SEED, rows)) {
      for (int i = 0; i < images.length; i++) {
        network.input().examples(i, 1).copyFrom(images[i]);
      }
      network.forward(0);
      SoftmaxCrossEntropy.evaluate(network.logits(), labels, 0, 1, network.logitsGradient());
      network.backward();
      double[] norms = rows.norms();
      double[] weights = new double[norms.length];
      for (int i = 0; i < weights.length; i++) {
        double norm = Math.max(norms[i], rows.leastNorms()[i]);
        weights[i] = labels[i * views] == NONE ? 0 : (1 - 0x1p-20) / Math.max(maxNorm, norm);
      }
      DoubleSum sum = rows.newSum();
      rows.addTo(sum, weights);
      for (Parameter p : trained(graph)) {
        rows.read(sum, p.name(), parameters.gradient(p.name()));
      }
      double[] total = vector(graph, parameters, 1);
      return total;
    }
  }

  @Test
  void an_example_that_is_not_finite_counts_as_a_null_example() throws Exception {
    Graph graph = graph("cnn");
    float[][] images = images(graph, 6);
    int[] labels = {0, 1, 2, 3, 4, 0};
    int[] without = labels.clone();
    without[2] = NONE;
    try (Parameters parameters = new Parameters(graph, new Initializer(SEED), true)) {
      double[] expected = step(graph, parameters, images, without, 3, 1, SILENT);
      images[2][17] = Float.NaN;
      int[] counted = labels.clone();
      counted[2] = NONE; // as its outputs say
      double[] step = step(graph, parameters, images, counted, 3, 1, SILENT);
      assertThat(distance(step, expected)).isZero();
    }
  }

  /// 5 deviations of the mean of d squares of normal values: a false alarm in two million runs.
  @Test
  void noise_is_added_once_a_step_whatever_the_number_of_physical_batches() throws Exception {
    Graph graph = graph("cnn");
    float[][] images = images(graph, 8);
    int[] nobody = new int[8];
    Arrays.fill(nobody, NONE);
    try (Parameters parameters = new Parameters(graph, new Initializer(SEED), true)) {
      for (int physical : new int[] {1, 2, 8}) {
        double[] noise =
            step(graph, parameters, images, nobody, physical, 1, new NoiseMultiplier(3));
        // Parameters that are not standardised: what the noise is on, as it is.
        double[] plain = Arrays.copyOfRange(noise, noise.length - plainValues(graph), noise.length);
        double mean = Arrays.stream(plain).map(v -> v * v / 9).average().orElseThrow();
        assertThat(mean).isCloseTo(1, within(5 * Math.sqrt(2.0 / plain.length)));
      }
    }
  }

  /// The classifier's, which come last.
  private static int plainValues(Graph graph) {
    List<Parameter> all = trained(graph);
    return (int) (all.get(all.size() - 2).size() + all.getLast().size());
  }

  @Test
  void batch_norm_has_no_gradients_of_single_examples() {
    Graph graph = Zoo.build("cnn", new Shape(8, 8, 3), 5, Zoo.Norm.BATCH);
    try (Parameters parameters = new Parameters(graph, new Initializer(SEED), true);
        PerExampleGradients rows = rows(graph, 2, 1)) {
      assertThatThrownBy(
              () -> TrustedNetwork.forPrivateTraining(graph, parameters, SEED, rows).close())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("batch norm mixes examples");
    }
  }
}
