package asymml.cli;

import asymml.analysis.WorkerView;
import asymml.model.FileReason;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunFile;
import asymml.trusted.train.FirstStep;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// `asymml attack --suite`: records short runs of several plans, attacks each, and draws one table.
/// A plan's results are kept as soon as it is done; a suite that was cut off goes on with the next.
///
/// @param settings of all runs, without those of plans
/// @param plans what to attack now, in the order of [SuitePlan#all]; what was attacked before stays
/// @param publicImages for the attacker
/// @param layers an attack is tried on
/// @param maxUnknowns of gradient solves
/// @param inversionIterations of gradient inversion
/// @param directory for results
/// @param command as typed
/// @param out for progress and table
record AttackSuite(
    Settings settings,
    List<SuitePlan> plans,
    int publicImages,
    int layers,
    int maxUnknowns,
    int inversionIterations,
    Path directory,
    String command,
    PrintWriter out) {
  private static final String FORMAT = "asymml-attack-suite-1";

  /// Images of the runs on which gradients are inverted, and their batch.
  private static final int FEW = 4;

  private static final int SMALL_BATCH = 2;

  /// The first step and the weights after it, of 20 million parameters.
  private static final long RECORDED_BYTES = 400_000_000;

  private static final Set<AttackName> ON_FEW = EnumSet.of(AttackName.GRADIENT_INVERSION);

  private Path json() {
    return directory.resolve("attacks.json");
  }

  private Path work() {
    return directory.resolve("work");
  }

  private Path kept(SuitePlan plan) {
    return directory.resolve("plans").resolve(plan.name() + ".json");
  }

  void run() throws DataException, IOException, RunException {
    TrainOptions common = TrainOptions.of(settings);
    prepare();
    int members = common.limitTrain.images();
    DataSet data =
        DataOpening.open(
            common.data, common.limitTrain, new Limit(publicImages + members), common.seed, out);
    int others = Math.min(data.train().size(), data.test().size() / 2);
    int known = Math.min(publicImages, data.test().size() - others);
    LearnedAttacks.Kept memory = new LearnedAttacks.Kept();
    List<SuiteResult> results = new ArrayList<>();
    for (SuitePlan plan : SuitePlan.all()) {
      String place = "plan %d/%d, %s".formatted(plans.indexOf(plan) + 1, plans.size(), plan.name());
      if (Files.exists(kept(plan))) {
        results.add(read(kept(plan)));
        out.println(plans.contains(plan) ? place + ": done before" : plan.name() + ": there");
      } else if (plans.contains(plan)) {
        out.println(place + ": " + plan.words());
        out.flush();
        SuiteResult result = attack(plan, data, known, memory);
        RunFile.write(kept(plan), result.map());
        results.add(result);
      }
      write(results, data);
    }
    delete(work());
    out.println();
    out.print(SuiteTable.of(results));
    out.println("written: " + json() + ", pictures beside it");
    out.flush();
  }

  /// Makes sure that what lies in the directory is of this suite.
  private void prepare() throws IOException, RunException {
    if (Files.exists(json())) {
      Map<String, Object> earlier = RunFile.read(json());
      if (!String.valueOf(earlier.get("settings")).equals(String.valueOf(identity()))) {
        throw new RunException(
            directory + " holds a suite of other settings: choose another --out, or delete it");
      }
    } else if (Files.isDirectory(directory)) {
      try (Stream<Path> files = Files.list(directory)) {
        if (files.findAny().isPresent()) {
          throw new RunException(directory + " is not empty: choose another --out");
        }
      }
    }
    try {
      Files.createDirectories(directory.resolve("plans"));
      Files.createDirectories(directory.resolve("pictures"));
      delete(work());
    } catch (IOException e) {
      throw new IOException("cannot write into " + directory + ": " + FileReason.of(e), e);
    }
    if (!Files.exists(json())) {
      write(List.of(), null);
    }
  }

  /// What has to be the same for results to stand in one table, as text.
  private Map<String, Object> identity() {
    Map<String, Object> identity = new LinkedHashMap<>();
    settings.without(List.of("threads")).values().forEach((k, v) -> identity.put(k, v.toString()));
    identity.put("public-images", Integer.toString(publicImages));
    identity.put("layers", Integer.toString(layers));
    identity.put("max-unknowns", Integer.toString(maxUnknowns));
    identity.put("inversion-iterations", Integer.toString(inversionIterations));
    return identity;
  }

  private static SuiteResult read(Path file) throws IOException {
    try {
      return SuiteResult.of(RunFile.read(file));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + " is damaged (" + e.getMessage() + "): delete it", e);
    }
  }

  private SuiteResult attack(SuitePlan plan, DataSet data, int known, LearnedAttacks.Kept memory)
      throws IOException, RunException {
    long began = System.nanoTime();
    List<Map<String, Object>> scores = new ArrayList<>();
    List<Map<String, Object>> notes = new ArrayList<>();
    List<Map<String, Object>> pictures = new ArrayList<>();
    Settings own = settings.overriddenBy(new Settings(plan.settings()));
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("name", plan.name());
    facts.put("words", plan.words());
    facts.put("settings", own.values());
    Settings few =
        own.overriddenBy(
            new Settings(Map.of("limit-train", FEW, "batch-size", SMALL_BATCH, "epochs", 1)));
    for (Settings each : List.of(own, few)) {
      boolean small = each.equals(few);
      Set<AttackName> attacks = small ? ON_FEW : EnumSet.complementOf(EnumSet.copyOf(ON_FEW));
      TrainOptions options = TrainOptions.of(each);
      delete(work());
      Files.createDirectories(work());
      RecordedRun run =
          record(options, plan.view(), limited(data, small ? FEW : Integer.MAX_VALUE), known);
      if (!small) {
        run.trainAccuracy().ifPresent(accuracy -> facts.put("trainAccuracy", accuracy));
      }
      AttackScene scene =
          attack(
              run, options, limited(data, small ? FEW : Integer.MAX_VALUE), known, attacks, memory);
      scene.scores().forEach(score -> scores.add(SuiteResult.of(plan.name(), score)));
      scene.notes().forEach(note -> notes.add(SuiteResult.of(plan.name(), note)));
      for (AttackPicture picture : scene.pictures()) {
        pictures.add(write(plan, picture));
      }
    }
    facts.put("seconds", (System.nanoTime() - began) / 1e9);
    return new SuiteResult(plan.name(), facts, scores, notes, pictures);
  }

  private static DataSet limited(DataSet data, int images) {
    if (images >= data.train().size()) {
      return data;
    }
    ImageSet few = data.train().subset(images, 0);
    return new DataSet(
        data.name(), few, data.test(), data.normalization(), data.flip(), data.cropPadding());
  }

  /// Trains on the data, with a few of the public images to test on.
  private RecordedRun record(TrainOptions options, int which, DataSet data, int known)
      throws IOException, RunException {
    long began = System.nanoTime();
    DataSet brief =
        new DataSet(
            data.name(),
            data.train(),
            data.test().subset(Math.min(known, 64), options.seed),
            data.normalization(),
            data.flip(),
            data.cropPadding());
    try {
      return RecordedRun.of(options, which, brief, work().resolve("run"), RECORDED_BYTES);
    } finally {
      out.printf("  recorded in %.0f s%n", (System.nanoTime() - began) / 1e9);
      out.flush();
    }
  }

  private AttackScene attack(
      RecordedRun run,
      TrainOptions options,
      DataSet data,
      int known,
      Set<AttackName> attacks,
      LearnedAttacks.Kept memory)
      throws IOException, RunException {
    try (WorkerView view = WorkerView.open(run.recording());
        FirstStep truth = new FirstStep(options.config(), data)) {
      AttackScene scene =
          new AttackScene(
              view,
              truth,
              options.config(),
              LedgerFile.readIfAny(run.layout().ledger()),
              data,
              known,
              layers);
      @Nullable Path model =
          Files.exists(run.layout().checkpoint()) ? run.layout().checkpoint() : null;
      AttackRun attackRun =
          new AttackRun(
              scene,
              new LearnedAttacks(new AttackerEngine(), scene, model, inversionIterations, memory),
              maxUnknowns);
      for (AttackName attack : attacks) {
        long began = System.nanoTime();
        attackRun.attack(attack);
        out.printf("  %s %.1f s%n", attack.label(), (System.nanoTime() - began) / 1e9);
        out.flush();
      }
      return scene;
    } catch (NonFiniteException e) {
      throw new RunException("the activations of the run's first step are not finite", e);
    }
  }

  private Map<String, Object> write(SuitePlan plan, AttackPicture picture) throws IOException {
    String file = "pictures/" + plan.name() + "-" + picture.attack().label() + ".png";
    picture.write(directory.resolve(file));
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("file", file);
    map.put("caption", picture.caption());
    map.put("plan", plan.name());
    map.put("attack", picture.attack().label());
    map.put("width", picture.width());
    map.put("height", picture.height());
    return map;
  }

  private void write(List<SuiteResult> results, @Nullable DataSet data) throws IOException {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("notice", AttackTable.NOTICE);
    facts.put("format", FORMAT);
    facts.put("command", command);
    facts.put("settings", identity());
    TrainOptions common = TrainOptions.of(settings);
    facts.put("model", common.model);
    facts.put("data", data == null ? common.data : data.name());
    facts.put("seed", common.seed);
    facts.put("batch", common.batchSize);
    facts.put("epochs", common.epochs);
    facts.put("images", common.limitTrain.images());
    facts.put(
        "complete",
        results.stream()
            .map(SuiteResult::plan)
            .toList()
            .containsAll(plans.stream().map(SuitePlan::name).toList()));
    facts.put(
        "seconds",
        results.stream().mapToDouble(r -> SuiteResult.number(r.facts(), "seconds")).sum());
    facts.put("plans", results.stream().map(SuiteResult::facts).toList());
    facts.put("attacks", Arrays.stream(AttackName.values()).map(AttackSuite::describe).toList());
    facts.put("scores", results.stream().flatMap(r -> r.scores().stream()).toList());
    facts.put(
        "table",
        results.stream().flatMap(r -> Arrays.stream(AttackName.values()).map(r::cell)).toList());
    facts.put("notes", results.stream().flatMap(r -> r.notes().stream()).toList());
    facts.put("pictures", results.stream().flatMap(r -> r.pictures().stream()).toList());
    RunFile.write(json(), facts);
    Files.writeString(
        directory.resolve("attacks.txt"), SuiteTable.of(results), StandardCharsets.UTF_8);
  }

  private static Map<String, Object> describe(AttackName attack) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("name", attack.label());
    map.put("title", attack.title());
    map.put("source", attack.source());
    map.put("reads", attack.reads());
    map.put("cost", attack.cost());
    map.put("headline", attack.headline());
    return map;
  }

  private static void delete(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
