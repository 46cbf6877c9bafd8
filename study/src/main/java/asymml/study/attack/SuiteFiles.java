package asymml.study.attack;

import asymml.model.AtomicFile;
import asymml.model.FileReason;
import asymml.model.PrivateFiles;
import asymml.study.BriefTraining;
import asymml.study.StudyException;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// The directory of a suite: a table of all plans, and a result of each that is done. It belongs to
/// the trusted side.
///
/// @param directory where it is
/// @param spec what is attacked
/// @param command as it was given, for the table
record SuiteFiles(Path directory, SuiteSpec spec, String command) {
  private static final String FORMAT = "asymml-attack-suite-1";

  private Path json() {
    return directory.resolve("attacks.json");
  }

  /// A directory for runs that are not kept.
  Path work() {
    return directory.resolve("work");
  }

  private Path result(SuitePlan plan) {
    return directory.resolve("plans").resolve(plan.name() + ".json");
  }

  /// Makes sure that what lies in the directory is of this suite.
  void prepare() throws IOException, StudyException {
    if (Files.exists(json())) {
      Map<String, Object> earlier = RunFile.read(json());
      if (!String.valueOf(earlier.get("settings")).equals(String.valueOf(spec.identity()))) {
        throw new StudyException(
            directory + " holds a suite of other settings: choose another directory, or delete it");
      }
    } else if (Files.isDirectory(directory)) {
      try (Stream<Path> files = Files.list(directory)) {
        if (files.findAny().isPresent()) {
          throw new StudyException(directory + " is not empty: choose another directory");
        }
      }
    }
    try {
      PrivateFiles.createDirectories(directory.resolve("plans"));
      PrivateFiles.createDirectories(directory.resolve("pictures"));
      deleteWork();
    } catch (IOException e) {
      throw new IOException("cannot write into " + directory + ": " + FileReason.of(e), e);
    }
    if (!Files.exists(json())) {
      write(List.of(), spec.common().data().source());
    }
  }

  /// Writes table and pictures of what is done.
  ///
  /// @param data its name
  void write(List<SuiteResult> results, String data) throws IOException {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("notice", AttackReport.NOTICE);
    facts.put("format", FORMAT);
    facts.put("command", command);
    facts.put("settings", spec.identity());
    facts.put("model", spec.common().training().model().name());
    facts.put("data", data);
    facts.put("seed", spec.common().training().seed());
    facts.put("batch", spec.common().training().batchSize());
    facts.put("epochs", spec.common().training().epochs());
    facts.put("images", spec.common().data().limitTrain().images());
    facts.put(
        "complete",
        results.stream()
            .map(SuiteResult::plan)
            .toList()
            .containsAll(spec.plans().stream().map(SuitePlan::name).toList()));
    facts.put("seconds", results.stream().mapToDouble(SuiteResult::seconds).sum());
    facts.put("plans", results.stream().map(SuiteJson::facts).toList());
    facts.put("attacks", Arrays.stream(AttackName.values()).map(SuiteFiles::describe).toList());
    facts.put("scores", results.stream().flatMap(r -> SuiteJson.scores(r).stream()).toList());
    facts.put(
        "table",
        results.stream()
            .flatMap(r -> Arrays.stream(AttackName.values()).map(a -> SuiteJson.cell(r, a)))
            .toList());
    facts.put("notes", results.stream().flatMap(r -> SuiteJson.notes(r).stream()).toList());
    facts.put("pictures", results.stream().flatMap(r -> SuiteJson.pictures(r).stream()).toList());
    RunFile.write(json(), facts);
    ByteBuffer table = StandardCharsets.UTF_8.encode(SuiteTable.of(results));
    AtomicFile.write(
        directory.resolve("attacks.txt"),
        channel -> {
          while (table.hasRemaining()) {
            channel.write(table);
          }
        });
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

  boolean has(SuitePlan plan) {
    return Files.exists(result(plan));
  }

  SuiteResult read(SuitePlan plan) throws IOException {
    try {
      return SuiteJson.read(RunFile.read(result(plan)));
    } catch (IllegalArgumentException e) {
      throw new IOException(
          "%s is damaged (%s): delete it".formatted(result(plan), e.getMessage()), e);
    }
  }

  void write(SuitePlan plan, SuiteResult result) throws IOException {
    RunFile.write(result(plan), SuiteJson.of(result));
  }

  SuiteResult.Picture write(SuitePlan plan, AttackPicture picture) throws IOException {
    String file = "pictures/" + plan.name() + "-" + picture.attack().label() + ".png";
    picture.write(directory.resolve(file));
    return new SuiteResult.Picture(
        file, picture.caption(), picture.attack().label(), picture.width(), picture.height());
  }

  void deleteWork() throws IOException {
    if (Files.exists(work())) {
      BriefTraining.delete(work());
    }
  }
}
