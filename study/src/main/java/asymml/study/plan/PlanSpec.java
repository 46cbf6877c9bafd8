package asymml.study.plan;

import asymml.model.Architecture;
import asymml.model.Zoo;
import asymml.session.DataSpec;
import asymml.session.Limit;
import asymml.session.TrainingSpec;
import asymml.session.WorkerChoice;
import asymml.study.bench.BenchSpec;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.train.TrainConfig;
import java.util.List;

/// What to plan for.
///
/// @param data images whose energy is measured; only its training images are used
/// @param model which network
/// @param norm its normalisation
/// @param batchSize images a step, at least 1
/// @param trustedLayers linear layers that stay trusted in any case
/// @param energy the largest share of an input's energy in the residual, above 0 and below 1
/// @param steps of each timing, after twice as many that do not count; at least 1
/// @param processes who computes
public record PlanSpec(
    DataSpec data,
    Architecture model,
    Zoo.Norm norm,
    int batchSize,
    List<String> trustedLayers,
    double energy,
    int steps,
    BenchSpec.Processes processes) {
  /// The energy where none is named.
  public static final double ENERGY = 0.1;

  /// Training images that are enough to plan with.
  public static final int IMAGES = 640;

  /// Steps of a timing where none are named.
  public static final int STEPS = 10;

  /// Deep networks start gently.
  private static final float LEARNING_RATE = 0.01f;

  /// Copies the list and checks the ranges above.
  public PlanSpec {
    trustedLayers = List.copyOf(trustedLayers);
    if (batchSize < 1 || steps < 1) {
      throw new IllegalArgumentException(
          "batch size and steps must be at least 1: %s, %s".formatted(batchSize, steps));
    }
    if (!(energy > 0 && energy < 1)) {
      throw new IllegalArgumentException("energy must be above 0 and below 1: " + energy);
    }
  }

  /// A plan for a run, measured on generated images or, in a run that is accounted for, on its
  /// public images, which are compared with the private ones when it begins.
  ///
  /// @param run what to plan for
  /// @param energy the largest share of an input's energy in the residual
  /// @return what to plan
  /// @throws IllegalArgumentException if the run's worker is on another machine
  public static PlanSpec of(TrainingSpec run, double energy) {
    if (!(run.workers().workers().getFirst() instanceof WorkerChoice.Local(String device))) {
      throw new IllegalArgumentException(
          "no plan can be made: steps are timed with a worker on this machine");
    }
    TrainConfig training = run.training();
    return new PlanSpec(
        (training.privacy().accounted() ? run.data().publicImages() : DataSpec.of("generated"))
            .withLimits(new Limit(IMAGES), Limit.NONE),
        training.model(),
        training.norm(),
        training.batchSize(),
        training.trustedLayers(),
        energy,
        STEPS,
        new BenchSpec.Processes(run.threads(), device, 1));
  }

  /// The training before energies are measured.
  TrainConfig warmUp() {
    TrainConfig defaults = TrainingSpec.defaults().training();
    return defaults
        .withModel(model)
        .withNorm(norm)
        .withMode(Mode.TRUSTED_ONLY)
        .withNoise(new NoiseStrength.None())
        .withEpochs(1)
        .withBatchSize(batchSize)
        .withOptimizer(defaults.optimizer().withLearningRate(LEARNING_RATE));
  }
}
