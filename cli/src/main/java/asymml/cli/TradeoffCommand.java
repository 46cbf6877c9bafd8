package asymml.cli;

import asymml.model.Zoo;
import asymml.report.Figures;
import asymml.study.NoiseAlone;
import asymml.study.tradeoff.Tradeoff;
import asymml.trusted.data.DataException;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `asymml analyze tradeoff`.
@Command(
    name = "tradeoff",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Trains the same network at several ranks and noise levels, each with a worker process of its"
          + " own, and compares the final accuracies with those of noise alone (rank 0, dp-only) at"
          + " the same noise multiplier.",
      "Tested without noise, on the trusted side, after the running statistics of batch norms were"
          + " gathered anew without noise. The same command goes on with a grid that was stopped;"
          + " what is finished is not run again. The accuracies are statistics of private data, for"
          + " the data owner only; nothing is accounted for."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml analyze tradeoff",
      "  asymml analyze tradeoff --data images.zip --model vgg11 --limit-train 5000 --epochs 3 \\",
      "      --ranks 0,1/8,1/4 --noise 0,0.3,1 --gradient-noise 0.3,1"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class TradeoffCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

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
      description = "Train on N images, chosen by the seed, or on all (default: ${DEFAULT-VALUE}).")
  Limit limitTrain;

  @Option(
      names = "--limit-test",
      paramLabel = "N",
      defaultValue = Limit.ALL,
      converter = Labels.LimitConverter.class,
      description = "Test on N images, chosen by the seed, or on all (default: ${DEFAULT-VALUE}).")
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
      defaultValue = "0,1/8,1/4",
      converter = Labels.RankConverter.class,
      description =
          "Directions that stay trusted: whole numbers or shares of the channels such as 1/8, with"
              + " commas; 0 is dp-only and always among them (default: ${DEFAULT-VALUE}).")
  private List<RankPolicy> ranks;

  @Option(
      names = "--noise",
      paramLabel = "LEVELS",
      split = ",",
      defaultValue = "0,0.3,1",
      description =
          "Noise on residuals, with commas: sigma = LEVEL C / sqrt(values), C the rank's clip bound"
              + " at the layer, so that all ranks have one noise multiplier; 0 is none (default:"
              + " ${DEFAULT-VALUE}).")
  private List<Double> noise;

  @Option(
      names = "--gradient-noise",
      paramLabel = "LEVELS",
      split = ",",
      description =
          "Noise on output gradients likewise, in a second grid without noise on residuals"
              + " (default: no such grid).")
  private @Nullable List<Double> gradientNoise;

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
      names = "--epochs",
      paramLabel = "N",
      defaultValue = "3",
      description = "Passes over the training images in each cell (default: ${DEFAULT-VALUE}).")
  int epochs;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      defaultValue = "64",
      description = "Images a step (default: ${DEFAULT-VALUE}).")
  int batchSize;

  @Option(
      names = "--learning-rate",
      paramLabel = "RATE",
      defaultValue = "0.01",
      description = "Highest learning rate (default: ${DEFAULT-VALUE}).")
  float learningRate;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "Of initial weights, order, augmentation and the limits' choice in every cell; never of"
              + " noise (default: ${DEFAULT-VALUE}).")
  long seed;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of either process (default: one per available processor).")
  @Nullable Integer threads;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "runs/tradeoff",
      description =
          "Directory for table, pictures and a run of each cell; a grid there goes on"
              + " (default: ${DEFAULT-VALUE}).")
  Path out;

  @Option(
      names = "--progress",
      paramLabel = "KIND",
      defaultValue = "auto",
      description =
          "bar, plain (lines) or auto: a bar on a terminal, else lines (default: ${DEFAULT-VALUE}).")
  TrainCommand.Progress progress;

  @Override
  public Integer call() throws DataException, IOException, TrainingException, RunException {
    Set<Tradeoff.Point> points;
    try {
      points = Tradeoff.points(ranks(), noise(), gradientNoise());
      for (Tradeoff.Point point : points) {
        TrainOptions.of(cell(point, new Limit(1))).config();
      }
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
    }
    return new TradeoffRun(this, points, spec.commandLine()).run();
  }

  /// The ranks to compare, each once, noise alone before the others.
  List<RankPolicy> ranks() {
    return NoiseAlone.before(ranks);
  }

  List<Double> noise() {
    return levels("--noise", noise);
  }

  List<Double> gradientNoise() {
    return gradientNoise == null ? List.of() : levels("--gradient-noise", gradientNoise);
  }

  private static List<Double> levels(String flag, List<Double> given) {
    Set<Double> levels = new LinkedHashSet<>();
    for (double level : given) {
      if (!(level >= 0) || Double.isInfinite(level)) {
        throw new IllegalArgumentException(
            "%s takes finite numbers of at least 0: %s".formatted(flag, Figures.plain(level)));
      }
      levels.add(level + 0.0); // -0 is 0
    }
    return List.copyOf(levels);
  }

  /// Settings of the run of a cell.
  ///
  /// @param testAfterEpochs how many images each epoch is tested on, with noisy running statistics
  Settings cell(Tradeoff.Point point, Limit testAfterEpochs) {
    Map<String, Object> values = common();
    values.put("limit-test", testAfterEpochs.toString());
    values.put("mode", point.mode().label());
    values.put("rank", point.rank().toString());
    values.put(TrainOptions.NOISE_RATIO, point.noise());
    if (point.gradientNoise() > 0) {
      values.put(TrainOptions.GRADIENT_NOISE_RATIO, point.gradientNoise());
    }
    return new Settings(values);
  }

  /// What all cells share.
  Map<String, Object> common() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("data", data);
    values.put("limit-train", limitTrain.toString());
    values.put("limit-test", limitTest.toString());
    values.put("model", model);
    values.put("norm", Labels.of(norm));
    values.put("decomposer", decomposer.label());
    values.put("trusted-layers", trustedLayers);
    values.put("epochs", epochs);
    values.put("batch-size", batchSize);
    values.put("learning-rate", learningRate);
    values.put("seed", seed);
    if (threads != null) {
      values.put("threads", threads);
    }
    return values;
  }
}
