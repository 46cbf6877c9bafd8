package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.Elementwise;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.boundary.NoiseStrength;
import asymml.trusted.decompose.RankPolicy;
import asymml.trusted.execute.Mode;
import asymml.trusted.execute.Network;
import asymml.trusted.execute.Parameters;
import asymml.trusted.execute.Placement.Decomposition;
import asymml.trusted.execute.Plan;
import asymml.trusted.execute.SplitContext;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The split network against the unsplit one, across two processes, without noise.
class SplitNetworkTest {
  private static final long SEED = 11;
  private static final int STEPS = 5;

  /// What a short training run computed.
  private record Trace(List<Double> losses, Map<String, float[]> firstGradients) {}

  @ParameterizedTest
  @CsvSource({
    "resnet20, BATCH, SHARED, 1/8, 16",
    "resnet20, GROUP, SHARED, energy:0.2, 16",
    "resnet20, BATCH, PER_EXAMPLE, 1/8, 8",
    "resnet20, BATCH, SHARED, 0, 8",
    "vgg16, BATCH, SHARED, 1/8, 8",
    "cnn, BATCH, SHARED, schedule:2:32, 13",
  })
  void split_without_noise_equals_unsplit(
      String model, Zoo.Norm norm, Decomposition decomposition, String rank, int batch)
      throws Exception {
    Graph graph = Zoo.build(model, new Shape(32, 32, 3), 10, norm);
    Plan plan =
        Plan.of(graph, Mode.ASYMML, decomposition, RankPolicy.parse(rank), List.of(Plan.FIRST));
    Trace unsplit = train(graph, Plan.trusted(graph), batch, null);
    try (LocalWorker worker = new LocalWorker()) {
      compare(unsplit, train(graph, plan, batch, worker));
    }
  }

  @Test
  void exact_inputs_on_the_worker_equal_unsplit() throws Exception {
    Graph graph = Zoo.build("resnet20", new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);
    Plan plan =
        Plan.of(
            graph, Mode.UNTRUSTED_ONLY, Decomposition.SHARED, new RankPolicy.Fixed(0), List.of());
    try (LocalWorker worker = new LocalWorker()) {
      compare(train(graph, Plan.trusted(graph), 8, null), train(graph, plan, 8, worker));
    }
  }

  private static void compare(Trace unsplit, Trace split) {
    unsplit.firstGradients.forEach((name, expected) ->
        assertThat(relativeError(split.firstGradients.get(name), expected))
            .as("gradient of " + name)
            .isLessThan(1e-4));
    for (int i = 0; i < STEPS; i++) {
      double expected = unsplit.losses.get(i);
      assertThat(Math.abs(split.losses.get(i) - expected) / expected)
          .as("loss after %d steps: %s against %s", i, split.losses, unsplit.losses)
          .isLessThan(1e-3);
    }
  }

  private static Trace train(Graph graph, Plan plan, int batch, LocalWorker worker)
      throws Exception {
    List<Double> losses = new ArrayList<>();
    Map<String, float[]> gradients = new HashMap<>();
    try (Parameters parameters = new Parameters(graph, new Initializer(SEED), true);
        SplitContext context =
            worker == null
                ? null
                : new SplitContext(
                    graph, plan, batch, new NoiseStrength.None(), worker.remote, worker.door);
        Network network = Network.forTraining(graph, plan, batch, parameters, context, SEED)) {
      if (worker != null) {
        worker.remote.mapRegion(network.regionBytes());
      }
      int[] labels = new int[batch];
      for (int step = 0; step < STEPS; step++) {
        fill(network.input(), labels, step);
        network.forward(step);
        losses.add(
            SoftmaxCrossEntropy.evaluate(network.logits(), labels, 0, network.logitsGradient())
                .meanLoss());
        network.backward();
        for (Parameter p : parameters.all()) {
          if (p.kind().trained()) {
            if (step == 0) {
              gradients.put(p.name(), parameters.gradient(p.name()).toArray());
            }
            Elementwise.sgd(
                parameters.value(p.name()),
                parameters.velocity(p.name()),
                parameters.gradient(p.name()),
                0.01f,
                0.9f,
                5e-4f);
          }
        }
        parameters.changed();
      }
    }
    return new Trace(losses, gradients);
  }

  /// Smooth random images: a few low frequencies and a little noise, so that feature maps are
  /// low-rank as those of photographs are.
  private static void fill(Tensor images, int[] labels, int step) {
    SplittableRandom random = new SplittableRandom(SEED + step);
    int side = images.length(1);
    for (int n = 0; n < images.length(0); n++) {
      labels[n] = random.nextInt(10);
      double fx = random.nextDouble() * 0.4;
      double fy = random.nextDouble() * 0.4;
      for (int i = 0; i < side * side; i++) {
        int row = i / side;
        double wave = Math.sin(fx * (i % side) + fy * row + labels[n]);
        for (int c = 0; c < 3; c++) {
          images.set(
              ((long) n * side * side + i) * 3 + c,
              (float) (wave + 0.3 * c + 0.2 * random.nextGaussian()));
        }
      }
    }
  }

  private static double relativeError(float[] actual, float[] expected) {
    double error = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      error += Math.pow((double) actual[i] - expected[i], 2);
      norm += (double) expected[i] * expected[i];
    }
    return norm == 0 ? Math.sqrt(error) : Math.sqrt(error / norm);
  }
}
