package asymml.trusted.network;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.Dropout;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Layer;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.trusted.ops.DropoutOp;
import asymml.trusted.ops.Parameters;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;

/// Compares a planned network with [OracleNetwork]: logits, loss, all parameter gradients against
/// central differences of the oracle's loss, running statistics, and inference.
///
/// A first pass on other images precedes, so that whatever a pass leaves behind would show.
final class NetworkHarness {
  static final long SEED = 20_261;
  private static final float SMOOTHING = 0.1f;
  private static final int STEP = 7;

  /// In double precision the difference is good to about 1e-9; a kink within it is improbable.
  private static final double DIFFERENCE = 1e-6;

  private static final int SAMPLES = 12;
  private static final double FORWARD = 1e-5;
  private static final double GRADIENT = 1e-3;

  /// What float32 leaves of a gradient that is exactly 0 (a shift in front of a batch norm).
  private static final double ZERO = 2e-6;

  private final Graph graph;
  private final int batch;
  private final SplittableRandom random;
  private final Map<String, double[]> values = new HashMap<>();
  private final double[] images;
  private final int[] labels;

  private NetworkHarness(Graph graph, int batch, long seed) {
    this.graph = graph;
    this.batch = batch;
    this.random = new SplittableRandom(seed);
    this.images = new double[batch * graph.input().size()];
    this.labels = new int[batch];
  }

  static void check(Graph graph, int batch) throws Exception {
    long seed = SEED + batch;
    System.out.println(graph.name() + ", batch " + batch + ", seed " + seed);
    new NetworkHarness(graph, batch, seed).check();
  }

  private void check() throws Exception {
    try (Parameters parameters = new Parameters(graph, new Initializer(SEED), true);
        TrustedNetwork network = TrustedNetwork.forTraining(graph, batch, parameters, SEED)) {
      randomize(parameters);
      pass(network, 3);
      Map<String, float[]> before = running(parameters);
      SoftmaxCrossEntropy.Result result = pass(network, STEP);
      takeValues(parameters);
      OracleNetwork oracle = new OracleNetwork(graph, batch, values, masks());
      double loss = oracle.loss(images, labels, SMOOTHING);
      assertClose("logits", network.logits(), oracle.logits(images, true));
      assertThat(Math.abs(result.meanLoss() - loss)).as("loss").isLessThan(FORWARD * (1 + loss));
      checkRunning(oracle, parameters, before);
      checkGradients(oracle, parameters);
      checkInference(oracle, parameters);
    }
  }

  private void randomize(Parameters parameters) {
    for (Parameter p : parameters.all()) {
      Tensor tensor = parameters.value(p.name());
      for (long i = 0; i < tensor.size(); i++) {
        switch (p.kind()) {
          case SCALE, RUNNING_VARIANCE -> tensor.set(i, (float) random.nextDouble(0.5, 1.5));
          case SHIFT, BIAS, RUNNING_MEAN -> tensor.set(i, (float) random.nextDouble(-0.5, 0.5));
          case WEIGHT, STANDARDIZED_WEIGHT -> {
            // as initialised
          }
        }
      }
    }
    parameters.changed();
  }

  private SoftmaxCrossEntropy.Result pass(TrustedNetwork network, long step) throws Exception {
    for (int i = 0; i < images.length; i++) {
      float value = (float) random.nextDouble(-1, 1);
      images[i] = value;
      network.input().set(i, value);
    }
    for (int n = 0; n < batch; n++) {
      labels[n] = random.nextInt(graph.classes());
    }
    network.forward(step);
    SoftmaxCrossEntropy.Result result =
        SoftmaxCrossEntropy.evaluate(network.logits(), labels, SMOOTHING, network.logitsGradient());
    network.backward();
    return result;
  }

  private void takeValues(Parameters parameters) {
    for (Parameter p : parameters.all()) {
      values.put(p.name(), doubles(parameters.value(p.name())));
    }
  }

  private static double[] doubles(Tensor tensor) {
    double[] copy = new double[Math.toIntExact(tensor.size())];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = tensor.get(i);
    }
    return copy;
  }

  /// What dropout multiplies each value with at [#STEP].
  private Map<String, double[]> masks() {
    Map<String, double[]> masks = new HashMap<>();
    try (Arena arena = Arena.ofShared()) {
      for (int i = 0; i < graph.nodes().size(); i++) {
        Node node = graph.nodes().get(i);
        if (node.layer() instanceof Layer.Dropout(float rate)) {
          Tensor mask = Tensor.allocate(arena, batch * graph.shape(i).size());
          mask.fill(1);
          Dropout.forward(mask, mask, rate, DropoutOp.maskSeed(SEED * 31 + i, STEP));
          masks.put(node.name(), doubles(mask));
        }
      }
    }
    return masks;
  }

  private static void assertClose(String what, Tensor actual, double[] expected) {
    double largest = 1e-3;
    for (double value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < expected.length; i++) {
      assertThat(Math.abs(actual.get(i) - expected[i]))
          .as("%s[%d]: %s against %s", what, i, actual.get(i), expected[i])
          .isLessThan(FORWARD * largest);
    }
  }

  private Map<String, float[]> running(Parameters parameters) {
    Map<String, float[]> running = new HashMap<>();
    for (Parameter p : parameters.all()) {
      if (!p.kind().trained()) {
        running.put(p.name(), parameters.value(p.name()).toArray());
      }
    }
    return running;
  }

  private void checkRunning(
      OracleNetwork oracle, Parameters parameters, Map<String, float[]> before) {
    for (Node node : graph.nodes()) {
      if (node.layer() instanceof Layer.BatchNorm(float _, float momentum)) {
        OracleNetwork.Moments moments = oracle.moments(node.name());
        int n = moments.count();
        double unbiased = n > 1 ? (double) n / (n - 1) : 1;
        for (int c = 0; c < moments.mean().length; c++) {
          checkMoved(parameters, before, node, "running_mean", c, momentum, moments.mean()[c]);
          double variance = unbiased * moments.variance()[c];
          checkMoved(parameters, before, node, "running_var", c, momentum, variance);
        }
      }
    }
  }

  private static void checkMoved(
      Parameters parameters,
      Map<String, float[]> before,
      Node node,
      String role,
      int channel,
      float momentum,
      double newest) {
    String name = node.name() + "." + role;
    double old = Objects.requireNonNull(before.get(name))[channel];
    double expected = old + momentum * (newest - old);
    assertThat(Math.abs(parameters.value(name).get(channel) - expected))
        .as("%s[%d]", name, channel)
        .isLessThan(FORWARD * (1 + Math.abs(expected)));
  }

  private void checkGradients(OracleNetwork oracle, Parameters parameters) {
    for (Parameter p : parameters.all()) {
      if (p.kind().trained()) {
        checkGradient(oracle, p, parameters.gradient(p.name()));
      }
    }
  }

  /// The error at sampled places, relative to the norm of the gradient at the same places.
  private void checkGradient(OracleNetwork oracle, Parameter p, Tensor gradient) {
    double[] value = Objects.requireNonNull(values.get(p.name()));
    double error = 0;
    double norm = 0;
    for (int i : random.ints(0, value.length).distinct().limit(samples(value.length)).toArray()) {
      double centre = value[i];
      value[i] = centre + DIFFERENCE;
      double above = oracle.loss(images, labels, SMOOTHING);
      value[i] = centre - DIFFERENCE;
      double below = oracle.loss(images, labels, SMOOTHING);
      value[i] = centre;
      double expected = (above - below) / (2 * DIFFERENCE);
      error += Math.pow(gradient.get(i) - expected, 2);
      norm += expected * expected;
    }
    assertThat(Math.sqrt(error))
        .as("error of the gradient of %s, of norm %s", p.name(), Math.sqrt(norm))
        .isLessThan(GRADIENT * Math.sqrt(norm) + ZERO);
  }

  private static int samples(int length) {
    return Math.min(SAMPLES, length);
  }

  private void checkInference(OracleNetwork oracle, Parameters parameters) throws Exception {
    try (TrustedNetwork network = TrustedNetwork.forInference(graph, batch, parameters)) {
      for (int i = 0; i < images.length; i++) {
        network.input().set(i, (float) images[i]);
      }
      network.forward(0);
      assertClose("inference", network.logits(), oracle.logits(images, false));
    }
  }
}
