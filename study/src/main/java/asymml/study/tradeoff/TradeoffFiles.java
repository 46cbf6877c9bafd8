package asymml.study.tradeoff;

import asymml.session.Settings;
import asymml.trusted.data.DataSet;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/// The files of a trade-off: they belong to the trusted side.
///
/// @param directory where they lie
/// @param data what cells are trained and tested on
record TradeoffFiles(Path directory, DataSet data) {
  private static final String NOTICE =
      "PRIVATE: accuracies of models of private data, covered by no guarantee; for the data owner"
          + " only";

  /// The directory of the one model of a grid of inference.
  static final String MODEL = "model";

  private static final String ACCURACY = "testAccuracy";
  private static final String LOSS = "testLoss";
  private static final String TRAIN_DATA = "trainData";
  private static final String TEST_DATA = "testData";

  /// The settings that all cells share, as the file of the grid has them.
  private static final List<String> SHARED =
      List.of(
          "data",
          "limit-train",
          "limit-test",
          "model",
          "norm",
          "decomposer",
          "trusted-layers",
          "epochs",
          "batch-size",
          "learning-rate",
          "seed");

  /// The run directory of a cell.
  Path run(Tradeoff.Point point) {
    return directory.resolve(point.name());
  }

  /// The run directory of the one model of a grid of inference.
  Path model() {
    return directory.resolve(MODEL);
  }

  private Path result(Tradeoff.Point point) {
    return run(point).resolve("cell.json");
  }

  /// Keeps the result of a cell: it is not run again.
  void write(Tradeoff.Point point, Tradeoff.Cell cell) throws IOException {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("notice", NOTICE);
    facts.put(TRAIN_DATA, data.train().digest());
    facts.put(TEST_DATA, data.test().digest());
    facts.put("testImages", data.test().size());
    facts.putAll(facts(cell));
    RunFile.write(result(point), facts);
  }

  /// The result of a cell that is finished.
  ///
  /// @return null if it is not
  /// @throws IOException one line, if the file is damaged or of other data
  Tradeoff.@Nullable Cell read(Tradeoff.Point point) throws IOException {
    Path file = result(point);
    if (!Files.exists(file)) {
      return null;
    }
    Map<String, Object> facts = RunFile.read(file);
    if (!data.train().digest().equals(facts.get(TRAIN_DATA))
        || !data.test().digest().equals(facts.get(TEST_DATA))) {
      throw new IOException(
          file + " is of other images, or of other limits on them: choose another directory");
    }
    return new Tradeoff.Cell(
        optional(facts, ACCURACY),
        optional(facts, LOSS),
        number(file, facts, "trainSeconds"),
        number(file, facts, "evaluationSeconds"),
        number(file, facts, "trustedCpuSeconds"),
        number(file, facts, "workerCpuSeconds"));
  }

  private static OptionalDouble optional(Map<String, Object> facts, String key) {
    return facts.get(key) instanceof Number number
        ? OptionalDouble.of(number.doubleValue())
        : OptionalDouble.empty();
  }

  private static double number(Path file, Map<String, Object> facts, String key)
      throws IOException {
    if (facts.get(key) instanceof Number number) {
      return number.doubleValue();
    }
    throw new IOException(
        "%s has no number '%s': delete it to have the cell tested again".formatted(file, key));
  }

  private static Map<String, Object> facts(Tradeoff.Cell cell) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("training", cell.accuracy().isPresent() ? "finished" : "diverged");
    cell.accuracy().ifPresent(value -> facts.put(ACCURACY, value));
    cell.loss().ifPresent(value -> facts.put(LOSS, value));
    facts.put("trainSeconds", cell.trainSeconds());
    facts.put("evaluationSeconds", cell.evaluationSeconds());
    facts.put("trustedCpuSeconds", cell.trustedCpuSeconds());
    facts.put("workerCpuSeconds", cell.workerCpuSeconds());
    return facts;
  }

  /// Where [#write(Tradeoff, TradeoffSpec, String)] writes.
  Path json() {
    return directory.resolve("tradeoff.json");
  }

  /// Writes the whole grid, in place of an earlier file.
  ///
  /// @param version of this program
  void write(Tradeoff tradeoff, TradeoffSpec spec, String version) throws IOException {
    Map<String, Object> all = Settings.of(spec.common()).values();
    Map<String, Object> shared = new LinkedHashMap<>();
    SHARED.forEach(key -> shared.put(key, all.get(key)));
    Map<String, Object> facts = facts(tradeoff, shared, version);
    facts.put("work", spec.inference() ? "inference" : "training");
    RunFile.write(json(), facts);
  }

  private Map<String, Object> facts(
      Tradeoff tradeoff, Map<String, Object> settings, String version) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("notice", NOTICE);
    facts.put("format", "asymml-tradeoff-1");
    facts.put("version", version);
    facts.put(
        "noise",
        "standard deviation over C / sqrt(values), C the clip bound of the rank at the layer: the"
            + " same noise multiplier for every rank");
    facts.put("settings", settings);
    facts.put(TRAIN_DATA, data.train().digest());
    facts.put(TEST_DATA, data.test().digest());
    facts.put("testImages", tradeoff.testImages());
    List<Object> cells = new ArrayList<>();
    tradeoff.cells().forEach((point, cell) -> cells.add(facts(tradeoff, point, cell)));
    facts.put("cells", cells);
    facts.put("verdict", tradeoff.verdict());
    return facts;
  }

  private static Map<String, Object> facts(
      Tradeoff tradeoff, Tradeoff.Point point, Tradeoff.Cell cell) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("mode", point.mode().label());
    facts.put("rank", point.rank().toString());
    facts.put("noise", point.noise());
    facts.put("gradientNoise", point.gradientNoise());
    facts.putAll(facts(cell));
    cell.accuracy()
        .ifPresent(accuracy -> facts.put("standardError", tradeoff.standardError(accuracy)));
    Tradeoff.Margin margin = tradeoff.margin(point);
    if (margin != null) {
      facts.put("marginOverDpOnly", margin.share());
      facts.put("marginStandardError", margin.standardError());
      facts.put("beatsDpOnly", margin.counts());
    }
    return facts;
  }
}
