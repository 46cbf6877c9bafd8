package asymml.cli.options;

import asymml.session.Settings;
import asymml.session.TrainingSpec;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// The settings of a training run as flags of `train`: each is called as in [Settings], where
/// values are read and defaults are.
@SuppressWarnings({"NullAway.Init", "UnusedVariable"}) // picocli sets and reads the fields
public final class SpecOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--data",
      paramLabel = "DATA",
      description = {
        "Images to train on (default: ${DEFAULT-VALUE}): generated[:SEED], a built-in set of"
            + " generated shapes; a folder or zip of train/<class>/*.jpg|png and test/<class>/*; a"
            + " folder of CIFAR-10/100 binary files or of the IDX files of the MNIST family."
      })
  private @Nullable String data;

  @Option(
      names = "--limit-train",
      paramLabel = "N",
      description = "Train on N images, chosen by the seed, or on all (default: ${DEFAULT-VALUE}).")
  private @Nullable String limitTrain;

  @Option(
      names = "--limit-test",
      paramLabel = "N",
      description = "Test on N images, chosen by the seed, or on all (default: ${DEFAULT-VALUE}).")
  private @Nullable String limitTest;

  @Option(
      names = "--max-image-pixels",
      paramLabel = "N",
      description =
          "Refuse images that declare more pixels, height times width, before memory is taken"
              + " (default: ${DEFAULT-VALUE}).")
  private @Nullable String maxImagePixels;

  @Option(
      names = "--augment",
      negatable = true,
      fallbackValue = "true",
      description = "Flip and shift training images as suits the data (default: ${DEFAULT-VALUE}).")
  private @Nullable Boolean augment;

  @Option(
      names = "--model",
      paramLabel = "NAME",
      description =
          "cnn, scatter-cnn, resnet20, resnet18, resnet34, vgg11, vgg13, vgg16 or vgg19"
              + " (default: ${DEFAULT-VALUE}); 'asymml models' compares them.")
  private @Nullable String model;

  @Option(
      names = "--norm",
      paramLabel = "NORM",
      description = "Normalisation layers: batch or group (default: ${DEFAULT-VALUE}).")
  private @Nullable String norm;

  @Option(
      names = "--mode",
      paramLabel = "MODE",
      description = {
        "Where linear layers run (default: ${DEFAULT-VALUE}). asymml: low-rank part trusted, noisy"
            + " residual at the worker; trusted-only: all trusted; untrusted-only: all at the"
            + " worker, NO PRIVACY; dp-only: noisy whole activations at the worker."
      })
  private @Nullable String mode;

  @Option(
      names = "--decomposer",
      paramLabel = "NAME",
      description =
          "shared (one basis per layer) or per-example (a light SVD each)"
              + " (default: ${DEFAULT-VALUE}).")
  private @Nullable String decomposer;

  @Option(
      names = "--rank",
      paramLabel = "RANK",
      description =
          "Rank of the trusted part of a layer's input: 8, 1/8 (of the channels),"
              + " schedule:2:32, or energy:0.1:1/2 (default: 1/8, with --shield shares 0).")
  private @Nullable String rank;

  @Option(
      names = "--trusted-layers",
      paramLabel = "LAYERS",
      split = ",",
      description =
          "Linear layers that stay trusted: names with commas, 'first' for the first"
              + " convolution, 'last' for the classifier, whose output gradient spells the"
              + " labels, or 'none' (default: ${DEFAULT-VALUE}).")
  private @Nullable List<String> trustedLayers;

  @Option(
      names = "--noise-ratio",
      paramLabel = "RHO",
      description =
          "Noise on residuals with sigma = RHO C / sqrt(values), C the clip bound (default: 0.1"
              + " unless --noise-multiplier is given; 0: neither noise nor clipping). With --shield"
              + " shares: the mask-to-signal ratio.")
  private @Nullable String noiseRatio;

  @Option(
      names = "--noise-multiplier",
      paramLabel = "Z",
      description =
          "Noise on residuals with sigma = Z C; instead of --noise-ratio (0: neither noise nor"
              + " clipping). With --shield shares: that of the masks (then default: 10).")
  private @Nullable String noiseMultiplier;

  @Option(
      names = "--gradient-noise-ratio",
      paramLabel = "RHO",
      description =
          "Noise on output gradients, in a run that accounts for nothing, with sigma = RHO C /"
              + " sqrt(values), C a running median of their norms at each layer (default: 0:"
              + " neither noise nor clipping).")
  private @Nullable String gradientNoiseRatio;

  @Mixin private ShieldOptions shield;

  @Option(
      names = "--protect",
      paramLabel = "CHANNELS",
      split = ",",
      description = {
        "What is clipped, noised and accounted for: none; residuals; gradients (and residuals);"
            + " weights (and both); or all, that is the worker's whole view (default: none, with"
            + " --target-epsilon residuals, with --shield shares gradients)."
      })
  private @Nullable List<String> protect;

  @Option(
      names = "--target-epsilon",
      paramLabel = "E",
      description =
          "Budget of what is protected: without a noise setting the noise follows from it, with one"
              + " the run ends at the last step inside it (default: no budget).")
  private @Nullable String targetEpsilon;

  @Option(
      names = "--delta",
      paramLabel = "D",
      description = "Delta at which epsilon is stated (default: ${DEFAULT-VALUE}).")
  private @Nullable String delta;

  @Option(
      names = "--sampling",
      paramLabel = "KIND",
      description =
          "poisson (each image independently, in secret; only where the whole view is protected) or"
              + " shuffle (nothing is amplified) (default: poisson with --protect all, else"
              + " shuffle).")
  private @Nullable String sampling;

  @Option(
      names = "--basis",
      paramLabel = "KIND",
      description =
          "What a shared basis is fitted to: batch (private), public (see --public-data) or dp"
              + " (noised second moments of batches) (default: batch, in a run that is accounted"
              + " for public).")
  private @Nullable String basis;

  @Option(
      names = "--clip",
      paramLabel = "BOUNDS",
      description =
          "Clip bounds: median (follows private data), public (medians over --public-data), or"
              + " numbers R[:G[:W]] for residuals, gradients and summed weight gradients"
              + " (default: median, in a run that is accounted for public).")
  private @Nullable String clip;

  @Option(
      names = "--dp-sgd",
      negatable = true,
      fallbackValue = "true",
      description = {
        "Train by DP-SGD: one clip norm for all parameters, Poisson sampling, and noise that follows"
            + " from --target-epsilon or is --noise-multiplier. Covers the released model and, with"
            + " --shield shares, any one worker's whole view; without workers: --mode trusted-only."
            + " Changes the defaults of --norm (group), --epochs (30), --batch-size (128),"
            + " --learning-rate (1, per gradient of norm 1), --weight-decay (0), --warm-up-epochs (0)"
            + " and --augment (false) (default: ${DEFAULT-VALUE})."
      })
  private @Nullable Boolean dpSgd;

  @Option(
      names = "--logical-batch-size",
      paramLabel = "B",
      description =
          "With --dp-sgd: expected images a step, computed in physical batches of --batch-size"
              + " (default: 4096).")
  private @Nullable String logicalBatchSize;

  @Option(
      names = "--max-grad-norm",
      paramLabel = "C",
      description =
          "With --dp-sgd: clip norm of one image's gradient by all parameters (default: 1).")
  private @Nullable String maxGradNorm;

  @Option(
      names = "--weight-average",
      paramLabel = "A",
      description =
          "With --dp-sgd: decay of the moving average of weights that is evaluated and saved, 0 for"
              + " none (default: 0.95).")
  private @Nullable String weightAverage;

  @Option(
      names = "--masks-share",
      paramLabel = "S",
      description =
          "With --dp-sgd and --shield shares: the masks' share of the budget, beside the noise on"
              + " gradients (default: 0.02).")
  private @Nullable String masksShare;

  @Option(
      names = "--per-example-memory",
      paramLabel = "BYTES",
      description =
          "With --dp-sgd: memory for the gradients of the images of a physical batch, which is made"
              + " smaller to fit (default: 512M).")
  private @Nullable String perExampleMemory;

  @Option(
      names = "--public-data",
      paramLabel = "DATA",
      description =
          "Public images of the same shape, for clip norms and bases of a run that is"
              + " accounted for (default: ${DEFAULT-VALUE}).")
  private @Nullable String publicData;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      description = "Passes over the training images (default: ${DEFAULT-VALUE}).")
  private @Nullable String epochs;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description = "Images a step (default: ${DEFAULT-VALUE}).")
  private @Nullable String batchSize;

  @Option(
      names = "--learning-rate",
      paramLabel = "RATE",
      description = "Highest learning rate (default: ${DEFAULT-VALUE}).")
  private @Nullable String learningRate;

  @Option(
      names = "--momentum",
      paramLabel = "M",
      description = "Momentum of SGD (default: ${DEFAULT-VALUE}).")
  private @Nullable String momentum;

  @Option(
      names = "--weight-decay",
      paramLabel = "D",
      description = "Decay of the weights of linear layers (default: ${DEFAULT-VALUE}).")
  private @Nullable String weightDecay;

  @Option(
      names = "--schedule",
      paramLabel = "NAME",
      description =
          "How the learning rate falls: cosine, step or constant (default: ${DEFAULT-VALUE}).")
  private @Nullable String schedule;

  @Option(
      names = "--milestones",
      paramLabel = "EPOCHS",
      split = ",",
      description =
          "With --schedule step: epochs at whose end the rate falls, with commas (default: none).")
  private @Nullable List<String> milestones;

  @Option(
      names = "--step-factor",
      paramLabel = "F",
      description =
          "With --schedule step: what the rate is multiplied by (default: ${DEFAULT-VALUE}).")
  private @Nullable String stepFactor;

  @Option(
      names = "--warm-up-epochs",
      paramLabel = "N",
      description =
          "Epochs over which the rate first rises, fractions allowed (default: ${DEFAULT-VALUE}).")
  private @Nullable String warmUpEpochs;

  @Option(
      names = "--label-smoothing",
      paramLabel = "S",
      description =
          "Share of the target that is spread over all classes (default: ${DEFAULT-VALUE}).")
  private @Nullable String labelSmoothing;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description =
          "Of initial weights, order, augmentation, dropout and the limits' choice; never of"
              + " noise (default: ${DEFAULT-VALUE}).")
  private @Nullable String seed;

  @Option(
      names = "--analyze-every",
      paramLabel = "N",
      description =
          "Analyse ranks after every N epochs and the last, as 'asymml analyze rank' does: a"
              + " line each, rank.json and rank.svg, private statistics; 0 for never"
              + " (default: ${DEFAULT-VALUE}).")
  private @Nullable String analyzeEvery;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of either process (default: one per available processor).")
  private @Nullable String threads;

  @Option(
      names = "--worker",
      paramLabel = "ADDRESS",
      split = ",",
      description =
          "unix:PATH or tls:HOST:PORT of a worker that runs already (see 'asymml worker --help'),"
              + " or local to start one here, or cuda:N to start one on a GPU of this machine"
              + " (default: ${DEFAULT-VALUE}). Several share each batch. Twice with --shield"
              + " shares: the worker that gets masked values, and the one that gets the masks.")
  private @Nullable List<String> workers;

  @Option(
      names = "--tls-trust",
      paramLabel = "FILE",
      description = "X.509 certificate of the worker to accept; needed with tls:.")
  private @Nullable String tlsTrust;

  @Option(
      names = "--wire",
      paramLabel = "ENCODING",
      description =
          "How tensors cross the line to a tls: worker and back: float32, or bfloat16, rounded to"
              + " half the bytes (default: ${DEFAULT-VALUE}).")
  private @Nullable String wire;

  @Mixin private ChunkOptions chunks;

  @Option(
      names = "--worker-timeout",
      paramLabel = "SECONDS",
      description = "Longest wait for an answer of the worker (default: ${DEFAULT-VALUE}).")
  private @Nullable String workerTimeoutSeconds;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Run directory to create (default: runs/<time>-<model>-<mode>).")
  private @Nullable String out;

  /// What the command line sets; not what it leaves to files and defaults.
  public Settings given() {
    Map<String, Object> values = new LinkedHashMap<>();
    for (OptionSpec option : command.commandLine().getParseResult().matchedOptions()) {
      if (Settings.known().contains(key(option))) {
        Object value = option.getValue();
        values.put(key(option), value instanceof List<?> ? value : String.valueOf(value));
      }
    }
    return new Settings(values);
  }

  /// The key of a setting's flag.
  static String key(OptionSpec option) {
    return option.longestName().replaceFirst("^--(no-)?", "");
  }

  /// Tells picocli, for its help, what stands where nothing is set.
  public static final class Defaults implements IDefaultValueProvider {
    private final Settings settings = Settings.of(TrainingSpec.defaults());

    @Override
    public @Nullable String defaultValue(ArgSpec arg) {
      String text = arg instanceof OptionSpec option ? settings.text(key(option)) : "";
      return text.isEmpty() ? null : text;
    }
  }
}
