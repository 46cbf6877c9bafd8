package asymml.study.audit;

import asymml.kernels.Closer;
import asymml.kernels.Elementwise;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.Batch;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.FeatureCache;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;
import asymml.trusted.train.EpochAnalysis;
import asymml.trusted.train.TrainConfig;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Sees the parameters after each epoch of a run whose canaries, seed and settings it knows, and
/// scores each canary: by how far the parameters moved along its gradient (white box), and by how
/// much its loss fell. Gradients are computed one image at a time, not by the code that is audited.
final class RunObserver implements EpochAnalysis, AutoCloseable {
  private final Graph graph;
  private final ImageSet canaries;
  private final Normalization normalization;
  private final TrainConfig config;
  private final double maxGradNorm;
  private final Closer owned = new Closer();
  private final Parameters before;
  private final TrustedNetwork network;
  private final @Nullable FeatureCache features;
  private final double[] projections;
  private final GradientGram gram;
  private final double[] firstLoss;
  private final double[] lastLoss;

  /// Begins with the run's initial parameters, which follow from its seed.
  ///
  /// @param graph the network
  /// @param canaries all of them, there or not
  /// @param normalization of the run
  /// @param config of the run
  /// @param maxGradNorm C
  RunObserver(
      Graph graph,
      ImageSet canaries,
      Normalization normalization,
      TrainConfig config,
      double maxGradNorm) {
    this.graph = graph;
    this.canaries = canaries;
    this.normalization = normalization;
    this.config = config;
    this.maxGradNorm = maxGradNorm;
    projections = new double[canaries.size()];
    gram = new GradientGram(canaries.size(), config.seed());
    firstLoss = new double[canaries.size()];
    lastLoss = new double[canaries.size()];
    before = owned.own(new Parameters(graph, new Initializer(config.seed()), true));
    network = owned.own(TrustedNetwork.forTraining(graph, 1, before, config.seed()));
    features = FeatureCache.of(graph, canaries, normalization).orElse(null);
    if (features != null) {
      owned.own(features);
    }
  }

  @Override
  public void analyze(
      int epoch, long step, Graph run, Parameters now, Normalization pixelNormalization) {
    Map<String, float[]> moved = new LinkedHashMap<>();
    for (Parameter parameter : trained()) {
      float[] from = before.value(parameter.name()).toArray();
      float[] to = now.value(parameter.name()).toArray();
      for (int i = 0; i < from.length; i++) {
        from[i] -= to[i];
      }
      moved.put(parameter.name(), from);
    }
    eachCanary(
        true,
        (i, loss) -> {
          double length = length();
          if (epoch == 1) {
            firstLoss[i] = loss;
            trained().forEach(p -> gram.add(i, p.name(), gradient(p.name()), length));
          }
          projections[i] += projection(moved) / length;
        });
    trained().forEach(p -> before.value(p.name()).copyFrom(now.value(p.name())));
    before.changed();
    if (epoch == config.epochs()) {
      eachCanary(false, (i, loss) -> lastLoss[i] = loss);
    }
  }

  private List<Parameter> trained() {
    return graph.parameters().stream().filter(p -> p.trained()).toList();
  }

  private interface Scorer {
    void score(int canary, double loss);
  }

  private void eachCanary(boolean gradients, Scorer scorer) {
    int[] order = IntStream.range(0, canaries.size()).toArray();
    try (BatchLoader loader =
        new BatchLoader(canaries, normalization, Augmentation.none(), order, 1, 0, 0, features)) {
      while (loader.hasNext()) {
        Batch batch = loader.next();
        network.load(batch.images());
        network.forward(0);
        double loss =
            SoftmaxCrossEntropy.evaluate(
                    network.logits(),
                    batch.labels(),
                    config.labelSmoothing(),
                    1,
                    network.logitsGradient())
                .lossSum();
        if (gradients) {
          network.backward();
        }
        scorer.score(batch.indices()[0], loss);
      }
    }
  }

  private float[] gradient(String parameter) {
    return before.gradient(parameter).toArray();
  }

  /// What the gradient that is in the network now is divided by.
  private double length() {
    double squares = 0;
    for (Parameter parameter : trained()) {
      squares += Elementwise.sumOfSquares(before.gradient(parameter.name()));
    }
    double norm = Math.sqrt(squares);
    return Double.isFinite(norm) ? Math.max(maxGradNorm, norm) : Double.POSITIVE_INFINITY;
  }

  /// Along the gradient that is in the network now.
  private double projection(Map<String, float[]> moved) {
    double product = 0;
    for (Map.Entry<String, float[]> entry : moved.entrySet()) {
      float[] own = gradient(entry.getKey());
      float[] other = entry.getValue();
      for (int k = 0; k < own.length; k++) {
        product += (double) own[k] * other[k];
      }
    }
    return Double.isFinite(product) ? product : 0;
  }

  /// How far the parameters moved along each canary's gradients, over the mean of its class: what
  /// canaries of a class have in common does not tell them apart.
  double[] projections() {
    return centred(projections);
  }

  /// The same less what gradients of canaries have in common with each other, which is best where
  /// there is little noise.
  double[] separated() {
    return centred(gram.solve(projections));
  }

  /// How much each canary's loss fell, over the mean of its class.
  double[] losses() {
    double[] fallen = new double[firstLoss.length];
    for (int i = 0; i < fallen.length; i++) {
      double difference = firstLoss[i] - lastLoss[i];
      fallen[i] = Double.isFinite(difference) ? difference : 0;
    }
    return centred(fallen);
  }

  private double[] centred(double[] scores) {
    double[] sums = new double[canaries.classNames().size()];
    int[] counts = new int[sums.length];
    for (int i = 0; i < scores.length; i++) {
      sums[canaries.label(i)] += scores[i];
      counts[canaries.label(i)]++;
    }
    double[] centred = scores.clone();
    for (int i = 0; i < scores.length; i++) {
      centred[i] -= sums[canaries.label(i)] / counts[canaries.label(i)];
    }
    return centred;
  }

  @Override
  public void close() {
    owned.close();
  }
}
