package asymml.cli;

import asymml.cli.options.InferenceAttackOptions;
import asymml.cli.options.Values;
import asymml.cli.table.AttackTable;
import asymml.cli.terminal.DataOpening;
import asymml.session.DataSpec;
import asymml.session.InferenceSpec;
import asymml.session.InvalidSpecException;
import asymml.session.Limit;
import asymml.session.Settings;
import asymml.session.TrainedRun;
import asymml.session.TrainingSpec;
import asymml.study.StudyException;
import asymml.study.attack.AttackName;
import asymml.study.attack.AttackReport;
import asymml.study.attack.AttackSettings;
import asymml.study.attack.AttackSuite;
import asymml.study.attack.AttackTarget;
import asymml.study.attack.InferenceAttack;
import asymml.study.attack.RecordingAttack;
import asymml.study.attack.SuiteListener;
import asymml.study.attack.SuitePlan;
import asymml.study.attack.SuiteResult;
import asymml.study.attack.SuiteSpec;
import asymml.study.attack.SuiteTable;
import asymml.trusted.data.DataException;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `asymml attack`.
@Command(
    name = "attack",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Attacks a recording of what a worker saw in a run's first step, and scores what comes out"
          + " against the truth.",
      "The attacks read the recording, the network's architecture and plan, the optimiser's"
          + " settings and public images. Scoring reads the run's own images, here, and repeats its"
          + " first step without a worker; scores are private statistics, covered by no guarantee."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml train --worker-record view.rec --worker-record-limit 500M --out runs/mine",
      "  asymml attack --recording view.rec --truth runs/mine",
      "  asymml attack --suite --data images.zip --model vgg11 --out runs/attacks",
      "  asymml attack --inference --truth runs/mine --rank 1/8 --noise-ratio 0.3"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class AttackCommand implements Callable<Integer> {
  private static final String ALL = "all";
  private static final List<String> OF_SUITE =
      List.of("--model", "--plans", "--images", "--epochs", "--seed", "--out");

  @Spec private CommandSpec spec;

  @Option(
      names = "--recording",
      paramLabel = "FILE",
      description = "What 'asymml worker --record' or 'asymml train --worker-record' wrote.")
  private @Nullable Path recording;

  @Option(
      names = "--truth",
      paramLabel = "DIR",
      description = "The run directory of the recorded run, for scoring only.")
  private @Nullable Path truth;

  @Option(
      names = "--data",
      paramLabel = "DATA",
      description =
          "Where the run's images are now (default: where they were); with --suite, the images to"
              + " train on (default: generated).")
  private @Nullable String data;

  @Option(
      names = "--attack",
      paramLabel = "NAME",
      defaultValue = ALL,
      description =
          "gradient-solve, mask, image, subspace, membership, gradient-inversion (few images a"
              + " batch), model-inversion, released-membership (few images) or all"
              + " (default: ${DEFAULT-VALUE}).")
  private String attack;

  @Option(
      names = "--layers",
      paramLabel = "N",
      defaultValue = "4",
      description =
          "Layers an attack is tried on: the first N, the last N for gradient-solve"
              + " (default: ${DEFAULT-VALUE}).")
  private int layers;

  @Option(
      names = "--max-unknowns",
      paramLabel = "N",
      defaultValue = "1024",
      description =
          "gradient-solve leaves out layers with more than N values a channel, batch x map; its"
              + " time grows with the cube (default: ${DEFAULT-VALUE}).")
  private int maxUnknowns;

  @Option(
      names = "--public-images",
      paramLabel = "N",
      defaultValue = "1024",
      description =
          "Images of the test split, used as public ones, that decoders are trained on"
              + " (default: ${DEFAULT-VALUE}).")
  private int publicImages;

  @Option(
      names = "--inversion-iterations",
      paramLabel = "N",
      defaultValue = "150",
      description = "Iterations of gradient-inversion (default: ${DEFAULT-VALUE}).")
  private int inversionIterations;

  @Option(names = "--json", paramLabel = "FILE", description = "Write the scores there as JSON.")
  private @Nullable Path json;

  @Option(
      names = "--suite",
      description = {
        "Instead of a recording: record short runs of several plans, run all attacks on each, and"
            + " draw a table. The attacker trains on public images."
      })
  private boolean suite;

  @Option(
      names = "--model",
      paramLabel = "NAME",
      defaultValue = "vgg11",
      converter = Values.ModelName.class,
      description = "With --suite: the network (default: ${DEFAULT-VALUE}).")
  private String model;

  @Option(
      names = "--plans",
      paramLabel = "NAMES",
      split = ",",
      description = "With --suite: only these plans, by their names with commas (default: all).")
  private @Nullable List<String> plans;

  @Option(
      names = "--images",
      paramLabel = "N",
      defaultValue = "96",
      description = "With --suite: images that each run trains on (default: ${DEFAULT-VALUE}).")
  private int images;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      defaultValue = "10",
      description = "With --suite: passes over them (default: ${DEFAULT-VALUE}).")
  private int epochs;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "With --suite: of the runs and the attacks (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "runs/attacks",
      description =
          "With --suite: directory for results; a suite that was stopped is resumed"
              + " (default: ${DEFAULT-VALUE}).")
  private Path directory;

  @Mixin private InferenceAttackOptions inference;

  @Override
  public Integer call() throws DataException, IOException, StudyException {
    @Nullable String ignored = inference.ignored();
    if (ignored != null) {
      throw new ParameterException(
          spec.commandLine(), ignored + " has no effect without --inference");
    }
    if (!suite) {
      for (String option : OF_SUITE) {
        if (spec.commandLine().getParseResult().hasMatchedOption(option)) {
          throw new ParameterException(
              spec.commandLine(), option + " has no effect without --suite");
        }
      }
    }
    AttackSettings settings =
        UsageErrors.checked(
            spec, () -> new AttackSettings(layers, maxUnknowns, publicImages, inversionIterations));
    if (inference.isAsked()) {
      inference(settings);
    } else if (suite) {
      suite(settings);
    } else {
      attack(settings);
    }
    return ExitCode.OK;
  }

  private void inference(AttackSettings settings)
      throws DataException, IOException, StudyException {
    if (suite || recording != null || json != null || !attack.equals(ALL) || truth == null) {
      throw new ParameterException(
          spec.commandLine(),
          "--inference needs --truth, and goes with none of --recording, --suite, --attack and"
              + " --json");
    }
    InferenceSpec split = UsageErrors.checked(spec, inference::spec);
    PrintWriter out = spec.commandLine().getOut();
    try (TrainedRun run = TrainedRun.open(truth)) {
      DataSpec own = run.spec().data();
      DataSpec images =
          (data == null ? own : own.withSource(data))
              .withLimits(Limit.NONE, new Limit(publicImages + 2 * split.batchSize()));
      AttackReport report =
          InferenceAttack.run(
              run, split, run.openTest(images, DataOpening.reporter(out)).images(), settings);
      AttackTable.print(
          report,
          "what one worker that has the model can compute of images that are classified through the"
              + " split",
          out);
      out.println("verdict: " + report.verdict());
      out.flush();
    } catch (InvalidSpecException e) {
      throw UsageErrors.of(spec, e);
    }
  }

  private void attack(AttackSettings settings) throws DataException, IOException, StudyException {
    if (recording == null || truth == null) {
      throw new ParameterException(spec.commandLine(), "give --recording and --truth, or --suite");
    }
    Set<AttackName> chosen = UsageErrors.checked(spec, "--attack", () -> AttackName.named(attack));
    PrintWriter out = spec.commandLine().getOut();
    RunLayout run = new RunLayout(truth);
    TrainingSpec recorded = Settings.ofRun(run);
    if (recorded.init().file() != null) {
      throw new StudyException(
          "%s began with the parameters of %s: attacks are scored against a first step that the seed alone decides, so record a run without --init"
              .formatted(truth, recorded.init().file()));
    }
    DataSpec images = data == null ? recorded.data() : recorded.data().withSource(data);
    AttackTarget target =
        new AttackTarget(
            recording,
            run,
            recorded.training(),
            images
                .withLimits(images.limitTrain(), new Limit(publicImages + AttackTarget.CANDIDATES))
                .open(recorded.training().seed(), DataOpening.reporter(out)));
    AttackReport report = RecordingAttack.run(target, chosen, settings);
    AttackTable.print(report, out);
    if (json != null) {
      report.write(json, target, settings);
      out.println("written: " + json);
    }
    out.println("verdict: " + report.verdict());
    out.flush();
  }

  private void suite(AttackSettings settings) throws DataException, IOException, StudyException {
    if (recording != null || truth != null || json != null || !attack.equals(ALL)) {
      throw new ParameterException(
          spec.commandLine(),
          "--suite makes recordings of its own and runs all attacks: leave out --recording,"
              + " --truth, --attack and --json");
    }
    List<SuitePlan> chosen =
        UsageErrors.checked(
            spec, "--plans", () -> plans == null ? SuitePlan.all() : SuitePlan.named(plans));
    SuiteSpec asked =
        UsageErrors.checked(
            spec,
            () ->
                new SuiteSpec(
                    SuiteSpec.runs(data == null ? "generated" : data, model, images, epochs, seed),
                    chosen,
                    settings));
    PrintWriter out = spec.commandLine().getOut();
    List<SuiteResult> results =
        new AttackSuite(
                asked,
                directory,
                "asymml " + String.join(" ", spec.commandLine().getParseResult().originalArgs()),
                new SuiteProgress(asked.plans().size(), out))
            .run(DataOpening.reporter(out));
    out.println();
    out.print(SuiteTable.of(results));
    out.println("written: " + directory.resolve("attacks.json") + ", pictures beside it");
    results.forEach(
        result -> out.println("verdict: %s: %s".formatted(result.plan(), result.verdict())));
    out.flush();
  }

  /// A line for each plan, run and attack.
  private record SuiteProgress(int plans, PrintWriter out) implements SuiteListener {
    @Override
    public void found(SuitePlan plan, int number) {
      say(number > 0 ? place(plan, number) + ": done before" : plan.name() + ": done before");
    }

    @Override
    public void started(SuitePlan plan, int number) {
      say(place(plan, number) + ": " + plan.words());
    }

    private String place(SuitePlan plan, int number) {
      return "plan %s/%s, %s".formatted(number, plans, plan.name());
    }

    @Override
    public void recorded(double seconds) {
      say(String.format(Locale.ROOT, "  recorded in %.0f s", seconds));
    }

    @Override
    public void attacked(AttackName attack, double seconds) {
      say(String.format(Locale.ROOT, "  %s %.1f s", attack.label(), seconds));
    }

    private void say(String line) {
      out.println(line);
      out.flush();
    }
  }
}
