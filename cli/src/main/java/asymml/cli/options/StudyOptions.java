package asymml.cli.options;

import asymml.cli.terminal.ProgressKind;
import asymml.session.Limit;
import asymml.session.TrainingSpec;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.train.TrainConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// What the runs of a study share.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
public final class StudyOptions {
  @Option(
      names = "--data",
      paramLabel = "DATA",
      defaultValue = "generated",
      description =
          "Images, as for 'asymml train': generated[:SEED], a folder or a zip (default:"
              + " ${DEFAULT-VALUE}).")
  private String data;

  @Option(
      names = "--limit-train",
      paramLabel = "N",
      defaultValue = "all",
      description =
          "Use N training images, chosen by the seed, or all (default: ${DEFAULT-VALUE}).")
  private Limit limitTrain;

  @Option(
      names = "--limit-test",
      paramLabel = "N",
      defaultValue = "all",
      description = "Test on N images, chosen by the seed, or on all (default: ${DEFAULT-VALUE}).")
  private Limit limitTest;

  @Mixin private DataLimitOptions limits;

  @Mixin private final NetworkOptions network = new NetworkOptions("cnn");

  @Option(
      names = "--decomposer",
      paramLabel = "NAME",
      defaultValue = "shared",
      description =
          "shared (one basis per layer) or per-example (a light SVD each)"
              + " (default: ${DEFAULT-VALUE}).")
  private Decomposition decomposer;

  @Option(
      names = "--trusted-layers",
      paramLabel = "LAYERS",
      split = ",",
      defaultValue = Plan.FIRST + "," + Plan.LAST,
      description =
          "Linear layers that stay trusted whole and release nothing, as for 'asymml train'"
              + " (default: ${DEFAULT-VALUE}).")
  private List<String> trustedLayers;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      defaultValue = "64",
      description = "Images a step (default: ${DEFAULT-VALUE}).")
  private int batchSize;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "Of initial weights, order, augmentation and the limits' choice in every run; never of"
              + " noise (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of either process (default: one per available processor).")
  private @Nullable Integer threads;

  @Mixin private ProgressOptions progress;

  /// How the runs are shown.
  public ProgressKind progress() {
    return progress.kind();
  }

  /// What all runs share.
  ///
  /// @param learningRate highest rate
  /// @throws IllegalArgumentException with the rule that a value breaks
  public TrainingSpec spec(float learningRate) {
    TrainingSpec defaults = TrainingSpec.defaults();
    TrainConfig training = defaults.training();
    return defaults
        .withData(
            defaults
                .data()
                .withSource(data)
                .withLimits(limitTrain, limitTest)
                .withLimits(limits.limits()))
        .withTraining(
            training
                .withModel(network.model())
                .withNorm(network.norm())
                .withDecomposition(decomposer)
                .withTrustedLayers(
                    trustedLayers.equals(List.of("none")) ? List.of() : trustedLayers)
                .withBatchSize(batchSize)
                .withOptimizer(training.optimizer().withLearningRate(learningRate))
                .withSeed(seed))
        .withThreads(threads == null ? defaults.threads() : threads);
  }
}
