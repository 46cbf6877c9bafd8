package asymml.cli;

import asymml.analysis.WorkerView;
import asymml.analysis.score.Score;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.FirstStep;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
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
      "The attacks read the recording, the network's architecture and plan, the optimiser's settings"
          + " and public images. Scoring reads the run's own images, here, and repeats its first step"
          + " without a worker; scores are private statistics, covered by no guarantee."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml train --worker-record view.rec --worker-record-limit 500M --out runs/mine",
      "  asymml attack --recording view.rec --truth runs/mine",
      "  asymml attack --suite --data images.zip --model vgg11 --out runs/attacks"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class AttackCommand implements Callable<Integer> {
  private static final String ALL = "all";

  /// Of the suite's runs: a batch that attacks of a first step are told apart by, and a rate at
  /// which such small batches train.
  private static final int SUITE_BATCH = 16;

  private static final String SUITE_RATE = "0.005";

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
          "gradient-solve leaves out layers with more than N values a channel, batch x map; its time"
              + " grows with the cube (default: ${DEFAULT-VALUE}).")
  private int maxUnknowns;

  @Option(
      names = "--public-images",
      paramLabel = "N",
      defaultValue = "1024",
      description =
          "Images of the test split, which stand for public ones, that decoders are trained on"
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
      converter = Labels.ModelConverter.class,
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
          "With --suite: where results go; a suite that was cut off goes on there"
              + " (default: ${DEFAULT-VALUE}).")
  private Path directory;

  @Override
  public Integer call() throws DataException, IOException, RunException {
    if (layers < 1 || maxUnknowns < 1 || inversionIterations < 1 || publicImages < 16) {
      throw new ParameterException(
          spec.commandLine(),
          "--layers, --max-unknowns and --inversion-iterations must be at least 1, --public-images at"
              + " least 16");
    }
    if (suite) {
      suite();
      return ExitCode.OK;
    }
    Path recording = this.recording;
    Path truth = this.truth;
    if (recording == null || truth == null) {
      throw new ParameterException(spec.commandLine(), "give --recording and --truth, or --suite");
    }
    Set<AttackName> chosen = chosen();
    PrintWriter out = spec.commandLine().getOut();
    RunLayout layout = new RunLayout(truth);
    TrainOptions settings = TrainOptions.of(Settings.read(layout.config()));
    DataSet opened =
        DataOpening.open(
            data == null ? settings.data : data,
            settings.limitTrain,
            new Limit(publicImages + LearnedAttacks.CANDIDATES),
            settings.seed,
            out);
    long began = System.nanoTime();
    int others = Math.min(LearnedAttacks.CANDIDATES, opened.test().size() / 2);
    int known = Math.min(publicImages, opened.test().size() - others);
    Path released = layout.checkpoint();
    try (WorkerView view = WorkerView.open(recording);
        FirstStep step = new FirstStep(settings.config(), opened)) {
      AttackScene scene =
          new AttackScene(
              view,
              step,
              settings.config(),
              LedgerFile.readIfAny(layout.ledger()),
              opened,
              known,
              layers);
      LearnedAttacks learned =
          new LearnedAttacks(
              new AttackerEngine(),
              scene,
              Files.exists(released) ? released : null,
              inversionIterations,
              new LearnedAttacks.Kept());
      AttackRun run = new AttackRun(scene, learned, maxUnknowns);
      chosen.forEach(run::attack);
      double seconds = (System.nanoTime() - began) / 1e9;
      List<String> notes = scene.notes().stream().map(AttackScene.Note::toString).toList();
      AttackTable.print(scene.scores(), notes, seconds, out);
      if (json != null) {
        RunFile.write(json, contents(recording, truth, scene.scores(), notes, seconds));
        out.println("written: " + json);
      }
      out.flush();
    } catch (IllegalArgumentException e) {
      throw new RunException(
          recording + " is no recording of " + truth + " that can be scored: " + e.getMessage(), e);
    } catch (NonFiniteException e) {
      throw new RunException("the activations of the run's first step are not finite", e);
    }
    return ExitCode.OK;
  }

  private void suite() throws DataException, IOException, RunException {
    if (recording != null || truth != null || json != null || !attack.equals(ALL)) {
      throw new ParameterException(
          spec.commandLine(),
          "--suite makes recordings of its own and runs all attacks: leave out --recording, --truth,"
              + " --attack and --json");
    }
    if (images < 2 * SUITE_BATCH || images > LearnedAttacks.CANDIDATES || epochs < 1) {
      throw new ParameterException(
          spec.commandLine(),
          "--images must be from %d to %d, --epochs at least 1"
              .formatted(2 * SUITE_BATCH, LearnedAttacks.CANDIDATES));
    }
    Map<String, Object> settings = new LinkedHashMap<>();
    settings.put("data", data == null ? "generated" : data);
    settings.put("model", model);
    settings.put("limit-train", images);
    settings.put("epochs", epochs);
    settings.put("batch-size", SUITE_BATCH);
    settings.put("learning-rate", SUITE_RATE);
    settings.put("augment", false);
    settings.put("seed", seed);
    new AttackSuite(
            new Settings(settings),
            chosenPlans(),
            publicImages,
            layers,
            maxUnknowns,
            inversionIterations,
            directory,
            "asymml " + String.join(" ", spec.commandLine().getParseResult().originalArgs()),
            spec.commandLine().getOut())
        .run();
  }

  private List<SuitePlan> chosenPlans() {
    List<SuitePlan> all = SuitePlan.all();
    List<String> wanted = plans;
    if (wanted == null) {
      return all;
    }
    List<String> names = all.stream().map(SuitePlan::name).toList();
    for (String name : wanted) {
      if (!names.contains(name)) {
        throw new ParameterException(
            spec.commandLine(),
            "--plans '%s' is none of %s".formatted(name, String.join(", ", names)));
      }
    }
    return all.stream().filter(plan -> wanted.contains(plan.name())).toList();
  }

  private Set<AttackName> chosen() {
    if (attack.equals(ALL)) {
      return EnumSet.allOf(AttackName.class);
    }
    for (AttackName name : AttackName.values()) {
      if (name.label().equals(attack)) {
        return EnumSet.of(name);
      }
    }
    throw new ParameterException(
        spec.commandLine(),
        "--attack is %s or all: %s"
            .formatted(
                Arrays.stream(AttackName.values())
                    .map(AttackName::label)
                    .collect(Collectors.joining(", ")),
                attack));
  }

  private Map<String, Object> contents(
      Path recording, Path truth, List<Score> scores, List<String> notes, double seconds) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("notice", AttackTable.NOTICE);
    facts.put("format", "asymml-attack-1");
    facts.put("recording", recording.toString());
    facts.put("truth", truth.toString());
    facts.put("layers", layers);
    facts.put("maxUnknowns", maxUnknowns);
    facts.put("publicImages", publicImages);
    facts.put("seconds", seconds);
    facts.put("scores", scores);
    facts.put("notApplied", notes);
    return facts;
  }
}
