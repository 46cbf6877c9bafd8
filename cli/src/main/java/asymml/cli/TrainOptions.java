package asymml.cli;

import asymml.model.Zoo;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainConfig.Schedule;
import asymml.wire.Encoding;
import asymml.wire.WorkerAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/// The settings of a training run: each is a flag of `train` and, without its dashes, a key of its
/// YAML files.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class TrainOptions {
  static final String NOISE_MULTIPLIER = "noise-multiplier";
  static final String NOISE_RATIO = "noise-ratio";
  static final String GRADIENT_NOISE_RATIO = "gradient-noise-ratio";

  /// The noise where the user names none: a tenth of a residual at the clip bound.
  static final double DEFAULT_NOISE_RATIO = 0.1;

  private static final String NO_LAYERS = "none";

  @Option(
      names = "--data",
      paramLabel = "DATA",
      defaultValue = "generated",
      description = {
        "Images to train on (default: ${DEFAULT-VALUE}): generated[:SEED], a built-in set of generated"
            + " shapes; a folder or zip of train/<class>/*.jpg|png and test/<class>/*; a folder"
            + " of CIFAR-10/100 binary files or of the IDX files of the MNIST family."
      })
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
      names = "--augment",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description = "Flip and shift training images as suits the data (default: ${DEFAULT-VALUE}).")
  boolean augment;

  @Option(
      names = "--model",
      paramLabel = "NAME",
      defaultValue = "cnn",
      converter = Labels.ModelConverter.class,
      description =
          "cnn, resnet20, resnet18, resnet34, vgg11, vgg13, vgg16 or vgg19"
              + " (default: ${DEFAULT-VALUE}); 'asymml models' compares them.")
  String model;

  @Option(
      names = "--norm",
      paramLabel = "NORM",
      defaultValue = "batch",
      converter = Labels.NormConverter.class,
      description = "Normalisation layers: batch or group (default: ${DEFAULT-VALUE}).")
  Zoo.Norm norm;

  @Option(
      names = "--mode",
      paramLabel = "MODE",
      defaultValue = "asymml",
      converter = Labels.ModeConverter.class,
      description = {
        "Where linear layers run (default: ${DEFAULT-VALUE}). asymml: low-rank part trusted, noisy"
            + " residual at the worker; trusted-only: all trusted; untrusted-only: all at the"
            + " worker, NO PRIVACY; dp-only: noisy whole activations at the worker."
      })
  Mode mode;

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
      names = "--rank",
      paramLabel = "RANK",
      converter = Labels.RankConverter.class,
      description =
          "Rank of the trusted part of a layer's input: 8, 1/8 (of the channels),"
              + " schedule:2:32, or energy:0.1:1/2 (default: 1/8, with --shield shares 0).")
  @Nullable RankPolicy rank;

  @Option(
      names = "--trusted-layers",
      paramLabel = "LAYERS",
      split = ",",
      defaultValue = Plan.FIRST + "," + Plan.LAST,
      description =
          "Linear layers that stay trusted: names with commas, 'first' for the first"
              + " convolution, 'last' for the classifier, whose output gradient spells the"
              + " labels, or 'none' (default: ${DEFAULT-VALUE}).")
  List<String> trustedLayers;

  @Option(
      names = "--" + NOISE_RATIO,
      paramLabel = "RHO",
      description =
          "Noise on residuals with sigma = RHO C / sqrt(values), C the clip bound (default: 0.1"
              + " unless --noise-multiplier is given; 0: neither noise nor clipping). With --shield"
              + " shares: the mask-to-signal ratio.")
  @Nullable Double noiseRatio;

  @Option(
      names = "--" + NOISE_MULTIPLIER,
      paramLabel = "Z",
      description =
          "Noise on residuals with sigma = Z C; instead of --noise-ratio (0: neither noise nor"
              + " clipping). With --shield shares: that of the masks (then default: 10).")
  @Nullable Double noiseMultiplier;

  @Option(
      names = "--" + GRADIENT_NOISE_RATIO,
      paramLabel = "RHO",
      description =
          "Noise on output gradients, in a run that accounts for nothing, with sigma = RHO C /"
              + " sqrt(values), C a running median of their norms at each layer (default: 0: neither"
              + " noise nor clipping).")
  @Nullable Double gradientNoiseRatio;

  @Mixin PrivacyOptions privacy;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      defaultValue = "8",
      description = "Passes over the training images (default: ${DEFAULT-VALUE}).")
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
      defaultValue = "0.05",
      description = "Highest learning rate (default: ${DEFAULT-VALUE}).")
  float learningRate;

  @Option(
      names = "--momentum",
      paramLabel = "M",
      defaultValue = "0.9",
      description = "Momentum of SGD (default: ${DEFAULT-VALUE}).")
  float momentum;

  @Option(
      names = "--weight-decay",
      paramLabel = "D",
      defaultValue = "0.0005",
      description = "Decay of the weights of linear layers (default: ${DEFAULT-VALUE}).")
  float weightDecay;

  @Option(
      names = "--schedule",
      paramLabel = "NAME",
      defaultValue = "cosine",
      converter = Labels.ScheduleConverter.class,
      description =
          "How the learning rate falls: cosine, step or constant (default: ${DEFAULT-VALUE}).")
  Schedule schedule;

  @Option(
      names = "--milestones",
      paramLabel = "EPOCHS",
      split = ",",
      description =
          "With --schedule step: epochs at whose end the rate falls, with commas (default: none).")
  @Nullable List<Integer> milestones;

  @Option(
      names = "--step-factor",
      paramLabel = "F",
      defaultValue = "0.1",
      description =
          "With --schedule step: what the rate is multiplied by (default: ${DEFAULT-VALUE}).")
  float stepFactor;

  @Option(
      names = "--warm-up-epochs",
      paramLabel = "N",
      defaultValue = "0.5",
      description =
          "Epochs over which the rate first rises, fractions allowed (default: ${DEFAULT-VALUE}).")
  double warmUpEpochs;

  @Option(
      names = "--label-smoothing",
      paramLabel = "S",
      defaultValue = "0",
      description =
          "Share of the target that is spread over all classes (default: ${DEFAULT-VALUE}).")
  float labelSmoothing;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "Of initial weights, order, augmentation, dropout and the limits' choice; never of"
              + " noise (default: ${DEFAULT-VALUE}).")
  long seed;

  @Option(
      names = "--analyze-every",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Analyse ranks after every N epochs and the last, as 'asymml analyze rank' does: a"
              + " line each, rank.json and rank.svg, private statistics; 0 for never"
              + " (default: ${DEFAULT-VALUE}).")
  int analyzeEvery;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of either process (default: one per available processor).")
  @Nullable Integer threads;

  @Option(
      names = "--worker",
      paramLabel = "ADDRESS",
      split = ",",
      defaultValue = WorkerChoice.Local.NAME,
      converter = Labels.WorkerConverter.class,
      description =
          "unix:PATH or tls:HOST:PORT of a worker that runs already (see 'asymml worker"
              + " --help'), or local to start one here, or cuda:N to start one on a GPU of this machine"
              + " (default: ${DEFAULT-VALUE}). Several share each batch. Twice with --shield shares:"
              + " the worker that gets masked values, and the one that gets the masks.")
  List<WorkerChoice> workers;

  @Option(
      names = "--tls-trust",
      paramLabel = "FILE",
      description = "X.509 certificate of the worker to accept; needed with tls:.")
  @Nullable Path tlsTrust;

  @Option(
      names = "--wire",
      paramLabel = "ENCODING",
      defaultValue = "float32",
      converter = Labels.EncodingConverter.class,
      description =
          "How tensors cross the line to a tls: worker and back: float32, or bfloat16, rounded to"
              + " half the bytes (default: ${DEFAULT-VALUE}).")
  Encoding wire;

  @Mixin ChunkOptions chunks;

  @Option(
      names = "--worker-timeout",
      paramLabel = "SECONDS",
      defaultValue = "60",
      description = "Longest wait for an answer of the worker (default: ${DEFAULT-VALUE}).")
  int workerTimeoutSeconds;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Run directory to create (default: runs/<time>-<model>-<mode>).")
  @Nullable Path out;

  /// Options with given settings, and the defaults for the rest.
  ///
  /// @throws IllegalArgumentException if a setting's value cannot be read
  static TrainOptions of(Settings settings) {
    TrainOptions options = new TrainOptions();
    CommandLine line = new CommandLine(CommandSpec.forAnnotatedObject(options));
    try {
      line.setDefaultValueProvider(settings).parseArgs();
    } catch (CommandLine.ParameterException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
    return options;
  }

  int threads() {
    return threads == null ? Runtime.getRuntime().availableProcessors() : threads;
  }

  Duration workerTimeout() {
    return Duration.ofSeconds(workerTimeoutSeconds);
  }

  List<String> trustedLayers() {
    return trustedLayers.equals(List.of(NO_LAYERS)) ? List.of() : trustedLayers;
  }

  List<Integer> milestones() {
    return milestones == null ? List.of() : milestones;
  }

  /// The workers of a run that needs some: those that share batches, or two that do not collude.
  ///
  /// @throws IllegalArgumentException if their number is wrong, or two are the same
  List<WorkerChoice> workers() {
    boolean shares = privacy.shield.shares();
    if (shares && workers.size() == 1 && workers.getFirst() instanceof WorkerChoice.Local local) {
      return List.of(local, local);
    }
    if (shares && workers.size() != 2) {
      throw new IllegalArgumentException(
          "--shield shares needs two workers that do not collude: --worker A --worker B");
    }
    if (!shares && workers.size() > Math.max(1, batchSize)) {
      throw new IllegalArgumentException(
          "%d workers cannot share batches of %d images".formatted(workers.size(), batchSize));
    }
    List<WorkerChoice> remote =
        workers.stream().filter(WorkerChoice.Remote.class::isInstance).toList();
    if (remote.stream().distinct().count() < remote.size()) {
      throw new IllegalArgumentException(
          shares
              ? "the two workers are one: together the masked values and the masks are the values"
              : "a worker is given twice: it would serve one connection alone");
    }
    return workers;
  }

  private void requireRoundable() {
    if (privacy.shield.shares()) {
      throw new IllegalArgumentException(
          "--wire bfloat16 does not go with --shield shares: masks can only be removed in float32");
    }
    if (mode == Mode.TRUSTED_ONLY
        || !workers.stream().allMatch(w -> w instanceof WorkerChoice.Remote(WorkerAddress.Tls _))) {
      throw new IllegalArgumentException(
          "--wire bfloat16 is for --worker tls:HOST:PORT: a worker on this machine shares memory,"
              + " and nothing crosses a line");
    }
  }

  /// The rank, which is 0 by default where two workers make results exact whatever it is.
  RankPolicy rank() {
    return rank != null ? rank : RankPolicy.parse(privacy.shield.shares() ? "0" : "1/8");
  }

  /// The noise multiplier; by default that of masks where nothing else says how large they are.
  @Nullable Double noiseMultiplier() {
    return noiseMultiplier == null
            && noiseRatio == null
            && privacy.targetEpsilon == null
            && privacy.shield.shares()
        ? Double.valueOf(ShieldOptions.DEFAULT_MASKS)
        : noiseMultiplier;
  }

  /// The noise ratio, unless noise is given as a multiplier, or the run is accounted for: then
  /// without a setting the noise follows from the target epsilon.
  @Nullable Double noiseRatio() {
    if (noiseRatio == null && noiseMultiplier == null && !privacy.accounted()) {
      return DEFAULT_NOISE_RATIO;
    }
    return noiseRatio;
  }

  /// The noise asked for.
  ///
  /// @throws IllegalArgumentException if it is asked for twice or out of range
  NoiseStrength noise() {
    if (noiseRatio != null && noiseMultiplier != null) {
      throw new IllegalArgumentException(
          "--noise-ratio and --noise-multiplier say the same in two ways: give one of them");
    }
    if (privacy.targetEpsilon != null
        && (Objects.equals(noiseRatio, 0.0) || Objects.equals(noiseMultiplier, 0.0))) {
      throw new IllegalArgumentException(
          "no noise meets --target-epsilon: omit the noise to have it follow from the target");
    }
    Double multiplier = noiseMultiplier();
    if (multiplier != null) {
      return multiplier == 0 ? new NoiseStrength.None() : new NoiseStrength.Multiplier(multiplier);
    }
    return ratio(noiseRatio());
  }

  private static NoiseStrength ratio(@Nullable Double rho) {
    return rho == null || rho == 0 ? new NoiseStrength.None() : new NoiseStrength.Ratio(rho);
  }

  /// What the run computes.
  ///
  /// @throws IllegalArgumentException with the rule that a value breaks
  TrainConfig config() {
    if (threads != null && threads < 1) {
      throw new IllegalArgumentException("--threads must be at least 1: " + threads);
    }
    if (workerTimeoutSeconds < 1) {
      throw new IllegalArgumentException(
          "--worker-timeout must be at least 1 second: " + workerTimeoutSeconds);
    }
    if (analyzeEvery < 0) {
      throw new IllegalArgumentException(
          "--analyze-every must be at least 0 epochs: " + analyzeEvery);
    }
    boolean tls =
        workers.stream().anyMatch(w -> w instanceof WorkerChoice.Remote(WorkerAddress.Tls _));
    if (tls != (tlsTrust != null)) {
      throw new IllegalArgumentException(
          "--worker tls:HOST:PORT and --tls-trust FILE, the certificate to accept, go together");
    }
    if (wire != Encoding.FLOAT32) {
      requireRoundable();
    }
    if (schedule == Schedule.STEP && milestones().isEmpty()) {
      throw new IllegalArgumentException("--schedule step needs --milestones, such as 10,15");
    }
    if (mode != Mode.TRUSTED_ONLY) {
      workers();
    }
    chunks.check(privacy.shield.shares());
    return new TrainConfig(
        model,
        norm,
        mode,
        decomposer,
        rank(),
        trustedLayers(),
        noise(),
        ratio(gradientNoiseRatio),
        epochs,
        batchSize,
        new TrainConfig.Optimizer(
            learningRate, momentum, weightDecay, schedule, warmUpEpochs, milestones(), stepFactor),
        labelSmoothing,
        augment,
        seed,
        privacy.config(),
        privacy.shield.shield());
  }
}
