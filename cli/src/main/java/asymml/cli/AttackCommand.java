package asymml.cli;

import asymml.analysis.WorkerView;
import asymml.analysis.score.Score;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.FirstStep;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
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
      "  asymml attack --recording view.rec --truth runs/mine"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class AttackCommand implements Callable<Integer> {
  private static final String ALL = "all";

  @Spec private CommandSpec spec;

  @Option(
      names = "--recording",
      required = true,
      paramLabel = "FILE",
      description = "What 'asymml worker --record' or 'asymml train --worker-record' wrote.")
  private Path recording;

  @Option(
      names = "--truth",
      required = true,
      paramLabel = "DIR",
      description = "The run directory of the recorded run, for scoring only.")
  private Path truth;

  @Option(
      names = "--data",
      paramLabel = "DATA",
      description = "Where the run's images are now (default: where they were).")
  private @Nullable String data;

  @Option(
      names = "--attack",
      paramLabel = "NAME",
      defaultValue = ALL,
      description =
          "gradient-solve, mask, image, subspace, membership, model-inversion or all"
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

  @Option(names = "--json", paramLabel = "FILE", description = "Write the scores there as JSON.")
  private @Nullable Path json;

  @Override
  public Integer call() throws DataException, IOException, RunException {
    if (layers < 1 || maxUnknowns < 1 || publicImages < 2) {
      throw new ParameterException(
          spec.commandLine(),
          "--layers and --max-unknowns must be at least 1, --public-images at least 2");
    }
    Set<AttackName> chosen = chosen();
    PrintWriter out = spec.commandLine().getOut();
    TrainOptions settings = TrainOptions.of(Settings.read(new RunLayout(truth).config()));
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
    Path model = new RunLayout(truth).checkpoint();
    try (WorkerView view = WorkerView.open(recording);
        FirstStep step = new FirstStep(settings.config(), opened)) {
      AttackScene scene = new AttackScene(view, step, settings.config(), opened, known, layers);
      LearnedAttacks learned =
          new LearnedAttacks(
              new AttackerEngine(),
              scene,
              Files.exists(model) ? model : null,
              new LearnedAttacks.Kept());
      AttackRun run = new AttackRun(scene, learned, maxUnknowns);
      chosen.forEach(run::attack);
      double seconds = (System.nanoTime() - began) / 1e9;
      List<String> notes = scene.notes().stream().map(AttackScene.Note::toString).toList();
      AttackTable.print(scene.scores(), notes, seconds, out);
      if (json != null) {
        RunFile.write(json, contents(scene.scores(), notes, seconds));
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
        "--attack is gradient-solve, mask, image, subspace, membership, model-inversion or all: "
            + attack);
  }

  private Map<String, Object> contents(List<Score> scores, List<String> notes, double seconds) {
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
