package asymml.cli;

import asymml.session.DataSpec;
import asymml.study.bench.BenchSpec;
import asymml.study.plan.PlanResult;
import asymml.study.plan.PlanSpec;
import asymml.trusted.data.DataException;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainingException;
import java.io.Console;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `asymml train`.
@Command(
    name = "train",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description =
        "Trains a network; by default a small one on drawn shapes, with a worker of its own.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml train",
      "  asymml train --data images.zip --model resnet20 --rank 1/8 --noise-ratio 0.1 \\",
      "      --epochs 12 --batch-size 128 --out runs/mine",
      "  asymml train --mode trusted-only --out runs/baseline",
      "  asymml train --model vgg16 --plan auto    split the layers that it pays to split here",
      "  asymml train --resume runs/mine           go on where it stopped",
      "  asymml train --print-config > run.yaml    all settings as YAML",
      "  asymml train -c run.yaml --seed 2         flags win over the file",
      "  asymml train --worker unix:/tmp/w.sock    a worker that runs already",
      "  asymml train --norm group --shield shares --target-epsilon 8 \\",
      "      --worker tls:one.example:7000 --worker tls:two.example:7000 --tls-trust both.pem"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class TrainCommand implements Callable<Integer> {
  /// Settings that a resumed run may change: they do not change what it computes, but for rounding.
  static final List<String> FREE_ON_RESUME =
      List.of(
          "data",
          "analyze-every",
          "threads",
          "worker",
          "tls-trust",
          "wire",
          "chunks",
          "worker-timeout",
          "out");

  private static final String RESUME_OUT = "";
  private static final String AUTO = "auto";

  enum Progress {
    auto,
    bar,
    plain
  }

  @Spec private CommandSpec spec;

  @Mixin private TrainOptions options;

  @Mixin private WorkerRecord workerRecord;

  @Option(
      names = {"-c", "--config"},
      paramLabel = "FILE",
      description = "YAML file with settings: the flags' names without dashes; flags win over it.")
  private @Nullable Path configFile;

  @Option(
      names = "--plan",
      paramLabel = "auto[:SHARE]",
      description = {
        "Plan first, as 'asymml plan' does: time this machine on drawn shapes, and split the layers"
            + " that it pays to split, each at the smallest rank that leaves at most SHARE of its"
            + " input's energy (0.1). The --rank and --trusted-layers found are the run's settings."
      })
  private @Nullable String plan;

  @Option(names = "--print-config", description = "Print all settings as YAML and exit.")
  private boolean printConfig;

  @Option(
      names = "--resume",
      arity = "0..1",
      paramLabel = "DIR",
      fallbackValue = RESUME_OUT,
      description = {
        "Go on with the run in DIR (without DIR: in --out) from its last checkpoint, with the"
            + " settings it has; others are refused, except --data, --analyze-every, --threads and"
            + " those of the worker."
      })
  private @Nullable String resume;

  @Option(
      names = "--progress",
      paramLabel = "KIND",
      defaultValue = "auto",
      description =
          "bar, plain (lines) or auto: a bar on a terminal, else lines (default: ${DEFAULT-VALUE}).")
  private Progress progress;

  /// The settings of the files that the command line names.
  ///
  /// @throws IllegalArgumentException if a file says what cannot be
  /// @throws IOException if a file cannot be read
  Settings settingsOfFiles() throws IOException {
    Settings settings = savedSettings();
    if (configFile != null) {
      settings = settings.overriddenBy(Settings.read(configFile));
    }
    return settings.overriddenBy(new Settings(noiseOfCommandLine()));
  }

  /// What the run to resume was started with; nothing if there is none, which shows later.
  private Settings savedSettings() throws IOException {
    Path directory = resumed();
    if (directory == null || !Files.isRegularFile(new RunLayout(directory).config())) {
      return new Settings(Map.of());
    }
    return Settings.read(new RunLayout(directory).config());
  }

  /// Called after a parse without files: what is set was on the command line.
  private Map<String, Object> noiseOfCommandLine() {
    Map<String, Object> noise = new LinkedHashMap<>();
    if (options.noiseRatio != null) {
      noise.put(TrainOptions.NOISE_RATIO, options.noiseRatio);
    }
    if (options.noiseMultiplier != null) {
      noise.put(TrainOptions.NOISE_MULTIPLIER, options.noiseMultiplier);
    }
    return noise;
  }

  private @Nullable Path resumed() {
    if (resume == null) {
      return null;
    }
    if (!resume.equals(RESUME_OUT)) {
      return Path.of(resume);
    }
    if (options.out == null) {
      throw new IllegalArgumentException("--resume needs the run's directory: --resume runs/NAME");
    }
    return options.out;
  }

  @Override
  public Integer call() throws DataException, IOException, TrainingException, RunException {
    PrintWriter out = spec.commandLine().getOut();
    TrainConfig config;
    Settings settings;
    List<List<String>> workerArguments;
    try {
      if (plan != null) {
        choosePlan(plan, out);
      }
      config = options.config();
      settings = Settings.of(options);
      workerArguments = workerRecord.arguments(options);
      checkResume(settings);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
    }
    if (printConfig) {
      out.print(settings.yaml());
      out.flush();
      return ExitCode.OK;
    }
    return new TrainingRun(
            options,
            config,
            settings,
            workerArguments,
            spec.commandLine().getParseResult().originalArgs(),
            spec.commandLine(),
            display(progress, out, config))
        .run(resumed());
  }

  /// The display of a kind.
  static TrainDisplay display(Progress progress, PrintWriter out, TrainConfig config) {
    return showsBar(progress)
        ? new BarDisplay(System.out, config)
        : new PlainDisplay(out, config, System::nanoTime);
  }

  @SuppressWarnings("SystemConsoleNull") // from Java 25 on it is null again without a terminal
  private static boolean showsBar(Progress progress) {
    Console console = System.console();
    return switch (progress) {
      case auto -> console != null && console.isTerminal();
      case bar -> true;
      case plain -> false;
    };
  }

  /// Sets ranks and trusted layers.
  ///
  /// @throws IllegalArgumentException if it does not fit the other options, or nothing is worth
  ///   splitting
  private void choosePlan(String text, PrintWriter out)
      throws DataException, IOException, TrainingException {
    if (!text.equals(AUTO) && !text.startsWith(AUTO + ":")) {
      throw new IllegalArgumentException("--plan '" + text + "' is not auto or auto:0.1");
    }
    if (options.mode != Mode.ASYMML || options.decomposer != Decomposition.SHARED) {
      throw new IllegalArgumentException(
          "--plan auto is for --mode asymml with --decomposer shared");
    }
    if (resume != null || options.rank != null || options.privacy.shield.shares()) {
      throw new IllegalArgumentException(
          "--plan auto chooses ranks: it does not go with --rank, --resume or --shield shares");
    }
    options.config();
    String energy = text.equals(AUTO) ? "0.1" : text.substring(AUTO.length() + 1);
    PlanResult planned = PlanCommand.run(planFor(energy), Progress.auto, out);
    if (!planned.splits()) {
      throw new IllegalArgumentException(
          "no layer is worth splitting at this energy on this machine: --mode trusted-only, or a"
              + " larger share as in --plan auto:0.3");
    }
    options.rank = planned.rank();
    options.trustedLayers = planned.trustedLayers();
    out.println();
  }

  /// What to plan for, measured before the run begins: on the drawn shapes or, in a run that is
  /// accounted for, on the public images, which are compared with the private ones later.
  private PlanSpec planFor(String energy) {
    if (!(options.workers.getFirst() instanceof WorkerChoice.Local(String device))) {
      throw new IllegalArgumentException(
          "no plan can be made: --plan auto times steps with a worker on this machine");
    }
    double share;
    try {
      share = Double.parseDouble(energy);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("--plan auto:" + energy + " has no number", e);
    }
    return new PlanSpec(
        DataSpec.of(options.privacy.accounted() ? options.privacy.publicData : "generated")
            .withLimits(new asymml.session.Limit(PlanSpec.IMAGES), asymml.session.Limit.NONE),
        options.model,
        options.norm,
        options.batchSize,
        options.trustedLayers,
        share,
        PlanSpec.STEPS,
        new BenchSpec.Processes(options.threads(), device, 1));
  }

  private void checkResume(Settings settings) throws IOException {
    if (resume == null) {
      return;
    }
    if (!resume.equals(RESUME_OUT) && options.out != null) {
      throw new IllegalArgumentException("--resume DIR goes on in DIR: leave out --out");
    }
    Settings saved = savedSettings();
    List<String> changed =
        saved.without(FREE_ON_RESUME).differences(settings.without(FREE_ON_RESUME));
    if (!saved.values().isEmpty() && !changed.isEmpty()) {
      throw new IllegalArgumentException(
          "a resumed run keeps its settings, but "
              + String.join(", ", changed)
              + ": leave them out, or start a new run");
    }
  }
}
