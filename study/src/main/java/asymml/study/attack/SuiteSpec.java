package asymml.study.attack;

import asymml.session.Limit;
import asymml.session.Settings;
import asymml.session.TrainingSpec;
import asymml.trusted.train.TrainConfig;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// What a suite attacks.
///
/// @param common what all runs share
/// @param plans what to attack now, in the order of [SuitePlan#all]
/// @param settings how hard attacks try
public record SuiteSpec(TrainingSpec common, List<SuitePlan> plans, AttackSettings settings) {
  /// A batch that attacks of a first step are told apart by.
  private static final int BATCH = 16;

  /// A rate at which such small batches train.
  private static final float RATE = 0.005f;

  /// Images of the runs on which gradients are inverted, and their batch.
  private static final int FEW = 4;

  private static final int SMALL_BATCH = 2;

  /// The settings in which suites differ.
  private static final List<String> KEYS =
      List.of(
          "data",
          "model",
          "limit-train",
          "epochs",
          "batch-size",
          "learning-rate",
          "augment",
          "seed");

  /// Copies the list and checks the number of images.
  public SuiteSpec {
    plans = List.copyOf(plans);
    int images = common.data().limitTrain().images();
    if (images < 2 * BATCH || images > AttackTarget.CANDIDATES) {
      throw new IllegalArgumentException(
          "images must be from %s to %s: %s".formatted(2 * BATCH, AttackTarget.CANDIDATES, images));
    }
  }

  /// Short runs of one network.
  ///
  /// @param data images to train on, as [asymml.session.DataSpec#source] takes them
  /// @param model a name of the zoo
  /// @param images that each run trains on, 32 to [AttackTarget#CANDIDATES]
  /// @param epochs passes over them, at least 1
  /// @param seed of the runs and the attacks
  /// @return what all runs of a suite share
  public static TrainingSpec runs(String data, String model, int images, int epochs, long seed) {
    TrainingSpec spec = TrainingSpec.defaults();
    TrainConfig.Optimizer optimizer = spec.training().optimizer();
    return spec.withTraining(
            spec.training()
                .withModel(model)
                .withEpochs(epochs)
                .withBatchSize(BATCH)
                .withOptimizer(optimizer.withLearningRate(RATE))
                .withAugment(false)
                .withSeed(seed))
        .withData(spec.data().withSource(data).withLimits(new Limit(images), Limit.NONE));
  }

  /// The run of a plan.
  ///
  /// @param plan one of the suite's
  /// @return its specification
  TrainingSpec run(SuitePlan plan) {
    return plan.change().apply(common);
  }

  /// The same on few images, in small batches and one epoch.
  TrainingSpec onFewImages(SuitePlan plan) {
    return run(plan)
        .withData(common.data().withLimits(new Limit(FEW), common.data().limitTest()))
        .withBatchSize(SMALL_BATCH)
        .withEpochs(1);
  }

  /// What has to be the same for results to stand in one table, as text.
  Map<String, Object> identity() {
    Settings all = Settings.of(common);
    Map<String, Object> identity = new LinkedHashMap<>();
    KEYS.forEach(key -> identity.put(key, all.text(key)));
    identity.put("public-images", Integer.toString(settings.publicImages()));
    identity.put("layers", Integer.toString(settings.layers()));
    identity.put("max-unknowns", Integer.toString(settings.maxUnknowns()));
    identity.put("inversion-iterations", Integer.toString(settings.inversionIterations()));
    return identity;
  }

  /// The settings of a plan's run: those in which suites differ, and those that the plan changes.
  Map<String, Object> settings(SuitePlan plan) {
    Map<String, Object> shared = Settings.of(common).values();
    Map<String, Object> own = new LinkedHashMap<>(Settings.of(run(plan)).values());
    own.entrySet()
        .removeIf(entry ->
            !KEYS.contains(entry.getKey())
                && Objects.equals(shared.get(entry.getKey()), entry.getValue()));
    return own;
  }
}
