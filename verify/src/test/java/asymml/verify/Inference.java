package asymml.verify;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.session.TrainingSpec;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.train.TrainConfig;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.SplittableRandom;

/// Networks that could have been trained, and images, for tests of inference.
final class Inference {
  private Inference() {}

  /// Settings of a split without noise.
  static TrainConfig exact(Decomposition decomposition, String rank, int batch) {
    return TrainingSpec.defaults()
        .withNoise(new NoiseStrength.None())
        .withRank(RankPolicy.parse(rank))
        .withTrustedLayers(List.of(Plan.FIRST))
        .withBatchSize(batch)
        .training()
        .withDecomposition(decomposition);
  }

  /// Parameters without gradients; also those are random that start as constants: running
  /// statistics, scales and the classifier.
  static Parameters parameters(Graph graph) {
    Parameters parameters = new Parameters(graph, new Initializer(11), false);
    SplittableRandom random = new SplittableRandom(12);
    for (Parameter p : parameters.all()) {
      Tensor value = parameters.value(p.name());
      boolean classifier = p.name().equals("fc.weight");
      if (classifier || !p.kind().weight()) {
        boolean positive = p.name().endsWith("_var") || p.name().endsWith(".weight");
        for (long i = 0; i < value.size(); i++) {
          value.set(
              i,
              (float)
                  (classifier || !positive
                      ? random.nextDouble(-0.2, 0.2)
                      : random.nextDouble(0.8, 1.5)));
        }
      }
    }
    parameters.changed();
    return parameters;
  }

  /// Normalised images; another seed, others.
  static Tensor images(Arena arena, Graph graph, int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Tensor images =
        Tensor.allocate(
            arena, count, graph.input().height(), graph.input().width(), graph.input().channels());
    for (long i = 0; i < images.size(); i++) {
      images.set(i, (float) random.nextDouble(-2, 2));
    }
    return images;
  }
}
