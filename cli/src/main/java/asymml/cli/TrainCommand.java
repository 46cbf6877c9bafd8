package asymml.cli;

import asymml.attest.EvidenceException;
import asymml.cli.options.OwnerOptions;
import asymml.cli.options.ProgressOptions;
import asymml.cli.options.SettingFlags;
import asymml.cli.options.Values;
import asymml.cli.options.WorkerRecord;
import asymml.cli.terminal.ProgressKind;
import asymml.session.InvalidSpecException;
import asymml.session.Settings;
import asymml.session.TrainingSpec;
import asymml.study.plan.PlanResult;
import asymml.study.plan.PlanSpec;
import asymml.trusted.data.DataException;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
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
    defaultValueProvider = SettingFlags.Defaults.class,
    description =
        "Trains a network; by default a small one on generated images, with its own worker"
            + " process.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml train",
      "  asymml train --data images.zip --model resnet20 --rank 1/8 --noise-ratio 0.1 \\",
      "      --epochs 12 --batch-size 128 --out runs/mine",
      "  asymml train --mode trusted-only --out runs/baseline",
      "  asymml train --model vgg16 --plan auto    split the layers that are worth splitting",
      "  asymml train --resume runs/mine           resume where it stopped",
      "  asymml train --print-config > run.yaml    all settings as YAML",
      "  asymml train -c run.yaml --seed 2         flags win over the file",
      "  asymml train --worker unix:/tmp/w.sock    a worker that runs already",
      "  asymml train --norm group --shield shares --target-epsilon 8 \\",
      "      --worker tls:one.example:7000 --worker tls:two.example:7000 --tls-trust both.pem",
      "  asymml train --data x.sealed --owner tls:owner.example:4433 --owner-key owner.pem \\",
      "      --require-tee snp --mode trusted-only --out runs/sealed"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class TrainCommand implements Callable<Integer> {
  private static final String RESUME_OUT = "";
  private static final String AUTO = "auto";
  private static final double ENERGY = 0.1;

  @Spec private CommandSpec spec;

  @SuppressWarnings("UnusedVariable") // picocli reads it
  @Mixin
  private final CommandSpec flags = SettingFlags.mixin();

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
        "Plan first, as 'asymml plan' does: time this machine on generated images, and split the"
            + " layers that are worth splitting, each at the smallest rank whose residual has at"
            + " most SHARE of its input's energy (0.1). The --rank and --trusted-layers found are"
            + " the run's settings."
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
        "Resume the run in DIR (without DIR: in --out) from its last checkpoint, with the settings"
            + " it has; others are refused, except --data, --max-image-pixels, --analyze-every,"
            + " --threads and those of the worker."
      })
  private @Nullable String resume;

  @Mixin private OwnerOptions owner;

  @Mixin private ProgressOptions progress;

  /// What the command line sets.
  Settings given() {
    return SettingFlags.given(spec.commandLine().getParseResult());
  }

  /// What the files that the command line names set.
  private Settings settingsOfFiles(@Nullable Path resumed) throws IOException {
    Settings settings =
        resumed == null || !Files.isRegularFile(new RunLayout(resumed).config())
            ? new Settings(Map.of())
            : Settings.read(new RunLayout(resumed).config());
    return configFile == null ? settings : settings.overriddenBy(Settings.read(configFile));
  }

  /// The run to resume.
  private @Nullable Path resumed(Settings given) {
    if (resume == null) {
      return null;
    }
    if (!resume.equals(RESUME_OUT)) {
      if (given.values().containsKey(Settings.OUT)) {
        throw new IllegalArgumentException("--resume DIR continues in DIR: omit --out");
      }
      return Values.path(resume);
    }
    if (!given.values().containsKey(Settings.OUT)) {
      throw new IllegalArgumentException("--resume needs the run's directory: --resume runs/NAME");
    }
    return Values.path(given.text(Settings.OUT));
  }

  @Override
  public Integer call()
      throws DataException, IOException, EvidenceException, TrainingException, RunException {
    PrintWriter out = spec.commandLine().getOut();
    Settings given = given();
    Settings settings = given;
    @Nullable Path resumed;
    TrainingSpec told;
    boolean owned;
    try {
      owned = owner.isGiven();
      resumed = resumed(given);
      settings = settingsOfFiles(resumed).overriddenBy(given);
      TrainingSpec all = settings.spec();
      requireEffect(given, all);
      told = told(all, given, resumed);
    } catch (InvalidSpecException e) {
      throw new ParameterException(
          spec.commandLine(), UsageErrors.of(e, settings.without(given.values().keySet())), e);
    } catch (IllegalArgumentException e) {
      throw UsageErrors.of(spec, e);
    }
    if (printConfig) {
      out.print(printed(told, settings).yaml());
      out.flush();
      return ExitCode.OK;
    }
    try {
      if (owned) {
        return new OwnedTrainingRun(told, owner, spec.commandLine())
            .run(resumed, settings.text(Settings.OUT));
      }
      return new TrainingRun(
              told, plan != null, spec.commandLine(), progress.display(out, told.training()))
          .run(resumed, settings.text(Settings.OUT));
    } catch (InvalidSpecException e) {
      throw new ParameterException(spec.commandLine(), UsageErrors.of(e), e);
    }
  }

  /// The specification of the settings, with the plan if one is to be made.
  private TrainingSpec told(TrainingSpec all, Settings given, @Nullable Path resumed)
      throws DataException, IOException, TrainingException {
    if (plan != null && owner.isGiven()) {
      throw new IllegalArgumentException(
          "--plan auto measures this machine, which the owner does not trust: give --rank and"
              + " --trusted-layers with --owner");
    }
    TrainingSpec told = plan == null ? all : planned(all, given, plan, spec.commandLine().getOut());
    if (resumed != null && Files.isRegularFile(new RunLayout(resumed).config())) {
      Settings.read(new RunLayout(resumed).config()).requireUnchangedBy(told);
    }
    return told.withWorkers(told.workers().withLocalArguments(workerRecord.arguments(told)));
  }

  /// Refuses flags that the run would ignore. Files may set more than a run uses.
  private static void requireEffect(Settings given, TrainingSpec spec) {
    String ignored =
        Settings.withoutEffect(spec).entrySet().stream()
            .filter(setting -> given.values().containsKey(setting.getKey()))
            .map(setting -> "--%s has no effect %s".formatted(setting.getKey(), setting.getValue()))
            .collect(Collectors.joining("; "));
    if (!ignored.isEmpty()) {
      throw new IllegalArgumentException(ignored);
    }
  }

  private static Settings printed(TrainingSpec told, Settings settings) {
    Map<String, Object> values = new LinkedHashMap<>(Settings.of(told).values());
    if (settings.values().containsKey(Settings.OUT)) {
      values.put(Settings.OUT, settings.text(Settings.OUT));
    }
    return new Settings(values);
  }

  /// A specification with the ranks and trusted layers of a plan.
  ///
  /// @return in mode trusted-only if splitting saves nothing
  /// @throws IllegalArgumentException if it does not fit the other options, or splitting saves
  ///   nothing and the run is accounted for
  private TrainingSpec planned(TrainingSpec told, Settings given, String text, PrintWriter out)
      throws DataException, IOException, TrainingException {
    if (!text.equals(AUTO) && !text.startsWith(AUTO + ":")) {
      throw new IllegalArgumentException("--plan '" + text + "' is not auto or auto:0.1");
    }
    TrainConfig training = told.training();
    if (training.mode() != Mode.ASYMML || training.decomposition() != Decomposition.SHARED) {
      throw new IllegalArgumentException(
          "--plan auto is for --mode asymml with --decomposer shared");
    }
    if (resume != null || given.values().containsKey("rank") || training.shield().masks()) {
      throw new IllegalArgumentException(
          "--plan auto chooses ranks: it does not go with --rank, --resume or --shield shares");
    }
    PlanResult found = PlanCommand.run(PlanSpec.of(told, energy(text)), ProgressKind.auto, out);
    out.println();
    if (!found.saves()) {
      if (training.privacy().accounted()) {
        throw new IllegalArgumentException(
            "splitting saves nothing at this energy on this machine, and what is accounted for are"
                + " the workers' views: a larger share as in --plan auto:0.3, or --mode"
                + " trusted-only");
      }
      out.println(
          found.splits()
              ? "plan     splitting saves nothing here: a step took the trusted process %s ms, and %s ms without a worker"
                  .formatted(
                      Math.round(found.measuredMillis()), Math.round(found.allTrustedMillis()))
              : "plan     no layer is worth splitting at this energy on this machine");
      out.println(
          "plan     all layers stay trusted, as with --mode trusted-only: no worker is used");
      out.println();
      return told.withMode(Mode.TRUSTED_ONLY);
    }
    return told.withRank(found.rank()).withTrustedLayers(found.trustedLayers());
  }

  private static double energy(String text) {
    if (text.equals(AUTO)) {
      return ENERGY;
    }
    String share = text.substring(AUTO.length() + 1);
    try {
      return Double.parseDouble(share);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("--plan auto:" + share + " has no number", e);
    }
  }
}
