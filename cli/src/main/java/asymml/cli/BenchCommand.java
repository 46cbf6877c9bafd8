package asymml.cli;

import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.Shield;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `asymml bench`.
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures what a training step costs, mode against mode, on random images.",
      "Its headline is the trusted-cost ratio: processor seconds of a step wholly on the trusted"
          + " side, over those of the trusted process in asymml mode. That is the speed-up that a"
          + " worker gives which is never waited for."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml bench --model vgg16 --batch-size 32 --json bench.json --svg bench.svg",
      "  asymml bench --model resnet20 --batch-size 128 --rank 1/8 --steps 20",
      "  asymml bench --model vgg16 --enclave-slowdown 3",
      "  asymml bench --model vgg16 --sweep batch-size:8,16,32,64 --svg sweep.svg"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class BenchCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      paramLabel = "NAME",
      defaultValue = "vgg16",
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
      names = "--image-size",
      paramLabel = "PIXELS",
      defaultValue = "32",
      description = "Height and width of the images, of 3 channels (default: ${DEFAULT-VALUE}).")
  int imageSize;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      defaultValue = "32",
      description = "Images a step (default: ${DEFAULT-VALUE}).")
  int batchSize;

  @Option(
      names = "--modes",
      paramLabel = "MODES",
      split = ",",
      defaultValue = "trusted-only,asymml",
      converter = Labels.ModeConverter.class,
      description =
          "Modes to measure, as for 'asymml train', with commas (default: ${DEFAULT-VALUE}).")
  List<Mode> modes;

  @Option(
      names = "--rank",
      paramLabel = "RANK",
      converter = Labels.RankConverter.class,
      description =
          "What stays trusted of a split layer's input, as for 'asymml train'; the default is the"
              + " paper's: 4, 8, 16, 32, 32, ... after the first layer (default: schedule:2:32,"
              + " with --shield shares 0).")
  @Nullable RankPolicy rank;

  @Option(
      names = "--decomposer",
      paramLabel = "NAME",
      defaultValue = "shared",
      converter = Labels.DecompositionConverter.class,
      description = "shared or per-example (default: ${DEFAULT-VALUE}).")
  Decomposition decomposer;

  @Option(
      names = "--trusted-layers",
      paramLabel = "LAYERS",
      split = ",",
      defaultValue = Plan.FIRST + "," + Plan.LAST,
      description = "Linear layers that stay trusted whole (default: ${DEFAULT-VALUE}).")
  List<String> trustedLayers;

  @Option(
      names = "--noise-ratio",
      paramLabel = "RHO",
      description =
          "Noise on residuals, as for 'asymml train'; its cost does not depend on its strength, but"
              + " 0 turns it off (default: 0.1, with --shield shares 1000).")
  @Nullable Double noiseRatio;

  @Mixin ShieldOptions shield;

  @Mixin ChunkOptions chunks;

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "10",
      description = "Steps that count, a round (default: ${DEFAULT-VALUE}).")
  int steps;

  @Option(
      names = "--warm-up",
      paramLabel = "N",
      defaultValue = "30",
      description =
          "Steps before them that do not count, in a mode's first round (with --sweep before it); a"
              + " third of them later (default: ${DEFAULT-VALUE}).")
  int warmUp;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "2",
      description =
          "How often the modes take turns, so that a noisy moment does not fall on one of them"
              + " alone (default: ${DEFAULT-VALUE}).")
  int rounds;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description =
          "Threads of either process (default: half the processors, which the two then share).")
  @Nullable Integer threads;

  @Option(
      names = "--worker",
      paramLabel = "DEVICE",
      defaultValue = WorkerChoice.Local.NAME,
      converter = Labels.LocalWorkerConverter.class,
      description = "local, or cuda:N for a GPU of this machine (default: ${DEFAULT-VALUE}).")
  WorkerChoice.Local worker;

  @Option(
      names = "--worker-delay",
      paramLabel = "MICROS",
      description =
          "Emulate a worker that takes so long for each request and computes nothing: what the"
              + " trusted side reaches beside a worker of that speed.")
  @Nullable Integer workerDelay;

  @Option(
      names = "--enclave-slowdown",
      paramLabel = "FACTOR",
      description =
          "Also print what the times would be if the trusted side ran so many times as long: a"
              + " projection, not a measurement.")
  @Nullable Double enclaveSlowdown;

  @Option(
      names = "--sweep",
      paramLabel = "KEY:V1,V2,...",
      converter = BenchSweep.Converter.class,
      description =
          "Measure at each of these values of batch-size, image-size or rank, and print what an"
              + " image costs in place of a step.")
  @Nullable BenchSweep sweep;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Write all figures there, by layer and kind of work; with --sweep its table.")
  @Nullable Path json;

  @Option(
      names = "--svg",
      paramLabel = "FILE",
      description =
          "Draw the trusted side's time there, by layer and kind of work; with --sweep by its"
              + " values.")
  @Nullable Path svg;

  @Override
  public Integer call() throws IOException {
    try {
      check();
      return new BenchRun(this, spec.commandLine()).run();
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
    }
  }

  private void check() {
    requirePositive("--image-size", imageSize);
    requirePositive("--batch-size", batchSize);
    requirePositive("--steps", steps);
    requirePositive("--rounds", rounds);
    requirePositive("--threads", threads());
    chunks.check(shield.shares());
    if (warmUp < 0) {
      throw new IllegalArgumentException("--warm-up must be at least 0: " + warmUp);
    }
    if (workerDelay != null && (workerDelay < 0 || workerDelay > 10_000_000)) {
      throw new IllegalArgumentException(
          "--worker-delay must be 0 to 10000000 microseconds: " + workerDelay);
    }
    if (workerDelay != null && !worker.equals(new WorkerChoice.Local(WorkerChoice.Local.CPU))) {
      throw new IllegalArgumentException("give one of --worker and --worker-delay");
    }
    if (enclaveSlowdown != null && !(enclaveSlowdown >= 1 && enclaveSlowdown < 1e6)) {
      throw new IllegalArgumentException("--enclave-slowdown must be at least 1");
    }
    if (sweep != null) {
      checkSweep(sweep);
    }
    terms();
  }

  private void checkSweep(BenchSweep given) {
    String option = "--" + given.key().label();
    if (spec.commandLine().getParseResult().hasMatchedOption(option)) {
      throw new IllegalArgumentException(
          "give one of %s and --sweep %s:...".formatted(option, given.key().label()));
    }
    if (enclaveSlowdown != null) {
      throw new IllegalArgumentException("--enclave-slowdown does not go with --sweep");
    }
  }

  private static void requirePositive(String option, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(option + " must be at least 1: " + value);
    }
  }

  int threads() {
    return threads != null ? threads : BenchWorkers.defaultThreads();
  }

  /// What is to be measured.
  ///
  /// @throws IllegalArgumentException if model, images and layers do not fit together
  List<BenchPoint> points() {
    return sweep != null
        ? sweep.points(this)
        : List.of(BenchPoint.of(this, imageSize, batchSize, rank()));
  }

  String device() {
    return workerDelay == null ? worker.device() : "emulated:" + workerDelay;
  }

  RankPolicy rank() {
    return rank != null ? rank : RankPolicy.parse(shield.shares() ? "0" : "schedule:2:32");
  }

  double noiseRatio() {
    return noiseRatio != null ? noiseRatio : shield.shares() ? 1000 : 0.1;
  }

  /// On what terms tensors leave.
  ///
  /// @throws IllegalArgumentException if there are none such
  ReleaseTerms terms() {
    double ratio = noiseRatio();
    NoiseStrength noise = ratio == 0 ? new NoiseStrength.None() : new NoiseStrength.Ratio(ratio);
    return shield.shield() instanceof Shield.Shares shares
        ? new ReleaseTerms.Accounted(
            noise,
            Set.of(Channel.RESIDUALS, Channel.GRADIENTS),
            Basis.PUBLIC,
            new ReleaseTerms.Bounds(Map.of()),
            shares)
        : new ReleaseTerms.Unaccounted(noise, "a benchmark");
  }
}
