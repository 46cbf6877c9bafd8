package asymml.cli;

import asymml.model.FileReason;
import asymml.report.Charts;
import asymml.report.ComparisonChart;
import asymml.study.compare.Comparison;
import asymml.study.compare.Guarantee;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.passes.ResidualNorms.Residual;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/// The files of a comparison: they belong to the trusted side.
///
/// @param directory where they lie
/// @param header what was compared
/// @param options as given
record ComparisonFiles(Path directory, RunHeader header, CompareOptions options) {
  private static final String JSON = "compare.json";

  /// Refuses a directory that holds a comparison, before anything long begins.
  ///
  /// @throws IOException one line
  static void requireFree(Path directory) throws IOException {
    if (Files.exists(directory.resolve(JSON))) {
      throw new IOException(directory + " already holds a comparison: choose another --out");
    }
  }

  /// Creates the directory.
  ///
  /// @throws IOException one line, if it cannot be created
  void createDirectory() throws IOException {
    try {
      Files.createDirectories(directory);
    } catch (FileAlreadyExistsException e) {
      throw new IOException(directory + " is a file, not a directory: choose another --out", e);
    } catch (IOException e) {
      throw new IOException("cannot create directory " + directory + ": " + FileReason.of(e), e);
    }
  }

  Path json() {
    return directory.resolve(JSON);
  }

  Path svg() {
    return directory.resolve("compare.svg");
  }

  /// The run directory of a rank.
  Path run(RankPolicy rank) {
    return directory.resolve("rank-" + rank.toString().replace('/', '_'));
  }

  /// Writes the files, in place of earlier ones.
  ///
  /// @return their paths; without the picture where this machine has no fonts to draw it with
  List<Path> write(Comparison comparison) throws IOException {
    RunFile.write(json(), facts(comparison));
    if (!Charts.hasFonts()) {
      return List.of(json());
    }
    ComparisonChart.write(comparison, header.graph().name() + " on " + header.data().name(), svg());
    return List.of(json(), svg());
  }

  private Map<String, Object> facts(Comparison comparison) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put(
        "notice",
        "PRIVATE: norms of private data, computed on the trusted side, for the data owner only");
    facts.put("version", Build.version());
    facts.put("data", header.describeData());
    facts.put("dataDigest", header.data().train().digest());
    facts.put("model", header.describeModel());
    facts.put("decomposer", options.decomposer.label());
    facts.put("trustedLayers", options.trustedLayers);
    facts.put("warmUpEpochs", options.warmUpEpochs);
    facts.put("batchSize", options.batchSize);
    facts.put("learningRate", options.learningRate);
    facts.put("seed", options.seed);
    facts.put("guarantee", guarantee(comparison.guarantee()));
    facts.put(
        "covers",
        "residuals alone, valid only if nothing else reveals which examples"
            + " were sampled, with group norm, and bounds and bases that do not depend on the data; epsilon"
            + " of the whole view is infinite");
    if (!comparison.accuracies().isEmpty()) {
      facts.put("trainedWithNoiseRatio", options.noiseRatio());
    }
    List<Object> ranks = new ArrayList<>();
    for (int i = 0; i < comparison.ranks().size(); i++) {
      ranks.add(summary(comparison, i));
    }
    facts.put("ranks", ranks);
    facts.put("inputs", comparison.places().stream().map(p -> place(comparison, p)).toList());
    return facts;
  }

  private static Map<String, Object> guarantee(Guarantee guarantee) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("epsilon", guarantee.budget().epsilon().value());
    facts.put("delta", guarantee.budget().delta().value());
    facts.put("noiseMultiplier", guarantee.noiseMultiplier().value());
    facts.put("accountant", "PLD");
    facts.put("samplingRate", guarantee.sampling().rate().value());
    facts.put("epochs", guarantee.sampling().epochs());
    facts.put("steps", guarantee.sampling().steps());
    facts.put("releasesPerStep", guarantee.sampling().releases());
    return facts;
  }

  private static Map<String, Object> summary(Comparison comparison, int i) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("rank", comparison.ranks().get(i).toString());
    facts.put("clipNormGeometricMean", comparison.meanClipNorm(i));
    facts.put("sigmaGeometricMean", comparison.meanDeviation(i));
    facts.put("noiseRatioGeometricMean", comparison.meanRatio(i));
    facts.put("noiseRatioLeast", comparison.leastRatio(i));
    facts.put("noiseRatioLargest", comparison.largestRatio(i));
    facts.put("residualEnergyShareMean", comparison.meanEnergyShare(i));
    OptionalDouble accuracy = comparison.accuracies().get(comparison.ranks().get(i));
    if (accuracy != null) {
      facts.put("training", accuracy.isPresent() ? "finished" : "diverged");
      accuracy.ifPresent(value -> facts.put("testAccuracy", value));
    }
    return facts;
  }

  private static Map<String, Object> place(Comparison comparison, Place place) {
    List<Object> residuals = new ArrayList<>();
    for (int i = 0; i < comparison.ranks().size(); i++) {
      Residual residual = place.residuals().get(i);
      Map<String, Object> facts = new LinkedHashMap<>();
      facts.put("asked", comparison.ranks().get(i).toString());
      facts.put("rank", residual.rank());
      facts.put("clipNorm", residual.medianNorm());
      facts.put("sigma", comparison.noise(place, i).residualDeviation());
      facts.put("noiseRatio", comparison.ratio(place, i));
      facts.put("residualEnergyShare", residual.energyShare());
      residuals.add(facts);
    }
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("layer", place.layer());
    facts.put("shape", place.input().toString());
    facts.put("residuals", residuals);
    return facts;
  }
}
