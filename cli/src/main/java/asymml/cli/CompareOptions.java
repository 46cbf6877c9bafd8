package asymml.cli;

import asymml.model.Zoo;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.PrivacyBudget;
import asymml.study.NoiseAlone;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The flags of `privacy compare`.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class CompareOptions {
  /// The noise of trained runs where the user names none: strong enough that ranks differ.
  private static final double DEFAULT_NOISE_RATIO = 0.3;

  private static final int DEFAULT_TRAIN_EPOCHS = 8;

  @Option(
      names = "--data",
      paramLabel = "DATA",
      defaultValue = "generated",
      description =
          "Images, as for 'asymml train': generated[:SEED], a folder or a zip (default:"
              + " ${DEFAULT-VALUE}).")
  String data;

  @Option(
      names = "--limit-train",
      paramLabel = "N",
      defaultValue = Limit.ALL,
      converter = Labels.LimitConverter.class,
      description =
          "Use N training images, chosen by the seed, or all (default: ${DEFAULT-VALUE}).")
  Limit limitTrain;

  @Option(
      names = "--limit-test",
      paramLabel = "N",
      defaultValue = Limit.ALL,
      converter = Labels.LimitConverter.class,
      description =
          "With --train: test on N images, chosen by the seed, or on all (default:"
              + " ${DEFAULT-VALUE}).")
  Limit limitTest;

  @Option(
      names = "--model",
      paramLabel = "NAME",
      defaultValue = "cnn",
      converter = Labels.ModelConverter.class,
      description = "A model of 'asymml models' (default: ${DEFAULT-VALUE}).")
  String model;

  @Option(
      names = "--norm",
      paramLabel = "NORM",
      defaultValue = "batch",
      converter = Labels.NormConverter.class,
      description = "Normalisation layers: batch or group (default: ${DEFAULT-VALUE}).")
  Zoo.Norm norm;

  @Option(
      names = "--ranks",
      paramLabel = "RANKS",
      split = ",",
      defaultValue = "0,1,2,4,8",
      converter = Labels.RankConverter.class,
      description =
          "Directions that stay trusted: whole numbers or shares of the channels such as 1/8, with"
              + " commas; 0 is noise alone and always among them (default: ${DEFAULT-VALUE}).")
  List<RankPolicy> ranks;

  @Option(
      names = "--decomposer",
      paramLabel = "NAME",
      defaultValue = "shared",
      converter = Labels.DecompositionConverter.class,
      description =
          "shared (one basis per layer) or per-example (a light SVD each)"
              + " (default: ${DEFAULT-VALUE}).")
  Decomposition decomposer;

  @Option(
      names = "--trusted-layers",
      paramLabel = "LAYERS",
      split = ",",
      defaultValue = Plan.FIRST + "," + Plan.LAST,
      description =
          "Linear layers that stay trusted whole and release nothing, as for 'asymml train'"
              + " (default: ${DEFAULT-VALUE}).")
  List<String> trustedLayers;

  @Option(
      names = "--warm-up-epochs",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "Epochs of training, all on the trusted side, before norms are taken (default:"
              + " ${DEFAULT-VALUE}).")
  int warmUpEpochs;

  @Option(
      names = "--target-epsilon",
      paramLabel = "EPSILON",
      defaultValue = "50",
      description = "The guarantee, the same for every rank (default: ${DEFAULT-VALUE}).")
  double targetEpsilon;

  @Option(
      names = "--delta",
      paramLabel = "DELTA",
      defaultValue = "1e-5",
      description = "The guarantee's delta (default: ${DEFAULT-VALUE}).")
  double delta;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      defaultValue = "8",
      description = "Epochs of the run that the guarantee is for (default: ${DEFAULT-VALUE}).")
  int epochs;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      defaultValue = "64",
      description =
          "Images a step, here and in the run that the guarantee is for (default:"
              + " ${DEFAULT-VALUE}).")
  int batchSize;

  @Option(
      names = "--train",
      description = "Also train a model for every rank, each with a worker process (default: no).")
  boolean train;

  @Option(
      names = "--noise-ratio",
      paramLabel = "RHO",
      description =
          "With --train: noise with sigma = RHO C / sqrt(values), C the layer's bound at its rank,"
              + " so that every rank has the same z (default: 0.3).")
  @Nullable Double noiseRatio;

  @Option(
      names = "--train-epochs",
      paramLabel = "N",
      description = "With --train: epochs of each run (default: 8).")
  @Nullable Integer trainEpochs;

  @Option(
      names = "--learning-rate",
      paramLabel = "RATE",
      defaultValue = "0.05",
      description = "Highest learning rate of all training here (default: ${DEFAULT-VALUE}).")
  float learningRate;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "Of initial weights, order, augmentation and the limits' choice (default:"
              + " ${DEFAULT-VALUE}).")
  long seed;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of either process (default: one per available processor).")
  @Nullable Integer threads;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description =
          "Directory for compare.json, compare.svg and the runs of --train (default:"
              + " runs/compare-<time>).")
  @Nullable Path out;

  @Option(
      names = "--progress",
      paramLabel = "KIND",
      defaultValue = "auto",
      description =
          "bar, plain (lines) or auto: a bar on a terminal, else lines (default: ${DEFAULT-VALUE}).")
  TrainCommand.Progress progress;

  /// The ranks to compare, each once, noise alone before the others.
  ///
  /// @throws IllegalArgumentException for a rank that depends on the layer's place or the data
  List<RankPolicy> comparedRanks() {
    return NoiseAlone.before(ranks);
  }

  /// What the compared run may spend.
  ///
  /// @throws IllegalArgumentException with the rule that a value breaks
  PrivacyBudget budget() {
    return new PrivacyBudget(new Epsilon(targetEpsilon), new Delta(delta));
  }

  /// Settings of the training that comes before measuring.
  Settings warmUp() {
    Map<String, Object> values = common();
    values.put("mode", Mode.TRUSTED_ONLY.label());
    values.put("epochs", warmUpEpochs);
    values.put(TrainOptions.NOISE_RATIO, 0.0);
    return new Settings(values);
  }

  /// Settings of the run of a rank.
  Settings run(RankPolicy rank, Path directory) {
    boolean noiseAlone = rank.equals(NoiseAlone.RANK);
    Map<String, Object> values = common();
    values.put("mode", (noiseAlone ? Mode.DP_ONLY : Mode.ASYMML).label());
    values.put("rank", rank.toString());
    values.put("epochs", trainEpochs == null ? DEFAULT_TRAIN_EPOCHS : trainEpochs);
    values.put(TrainOptions.NOISE_RATIO, noiseRatio());
    values.put("out", directory.toString());
    return new Settings(values);
  }

  double noiseRatio() {
    return noiseRatio == null ? DEFAULT_NOISE_RATIO : noiseRatio;
  }

  private Map<String, Object> common() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("data", data);
    values.put("limit-train", limitTrain.toString());
    values.put("limit-test", limitTest.toString());
    values.put("model", model);
    values.put("norm", Labels.of(norm));
    values.put("decomposer", decomposer.label());
    values.put("trusted-layers", trustedLayers);
    values.put("batch-size", batchSize);
    values.put("learning-rate", learningRate);
    values.put("seed", seed);
    if (threads != null) {
      values.put("threads", threads);
    }
    return values;
  }

  /// Refuses what no setting of training refuses by itself.
  ///
  /// @throws IllegalArgumentException with the rule that a value breaks
  void check() {
    if (warmUpEpochs < 1) {
      throw new IllegalArgumentException("--warm-up-epochs must be at least 1: " + warmUpEpochs);
    }
    if (epochs < 1) {
      throw new IllegalArgumentException("--epochs must be at least 1: " + epochs);
    }
    if (!train && (noiseRatio != null || trainEpochs != null)) {
      throw new IllegalArgumentException("--noise-ratio and --train-epochs go with --train");
    }
    if (noiseRatio != null && noiseRatio == 0) {
      throw new IllegalArgumentException(
          "--noise-ratio must be above 0: without noise all ranks" + " train alike");
    }
  }
}
