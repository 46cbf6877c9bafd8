package asymml.study.compare;

import asymml.model.FileReason;
import asymml.model.PrivateFiles;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.passes.ResidualNorms.Residual;
import asymml.trusted.run.RunFile;
import asymml.trusted.train.TrainConfig;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/// The JSON file of a comparison. It belongs to the trusted side.
///
/// @param spec what is compared
/// @param about a description
record ComparisonFile(CompareSpec spec, About about) {
  /// What a file says in words.
  ///
  /// @param data the images
  /// @param dataDigest of the training images
  /// @param model the network
  /// @param version of this program
  record About(String data, String dataDigest, String model, String version) {}

  /// Refuses a directory that holds a comparison, before anything long begins.
  ///
  /// @throws IOException one line
  static void requireFree(Path file) throws IOException {
    if (Files.exists(file)) {
      throw new IOException(
          file.getParent() + " already holds a comparison: choose another directory");
    }
  }

  /// Creates the directory.
  ///
  /// @throws IOException one line, if it cannot be created
  static void createDirectory(Path directory) throws IOException {
    try {
      PrivateFiles.createDirectories(directory);
    } catch (FileAlreadyExistsException e) {
      throw new IOException(directory + " is a file, not a directory: choose another one", e);
    } catch (IOException e) {
      throw new IOException("cannot create directory " + directory + ": " + FileReason.of(e), e);
    }
  }

  /// Writes the file, in place of an earlier one.
  void write(Path file, Comparison comparison) throws IOException {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put(
        "notice",
        "PRIVATE: norms of private data, computed on the trusted side, for the data owner only");
    facts.put("version", about.version());
    facts.put("data", about.data());
    facts.put("dataDigest", about.dataDigest());
    facts.put("model", about.model());
    TrainConfig training = spec.common().training();
    facts.put("decomposer", training.decomposition().label());
    facts.put("trustedLayers", training.trustedLayers());
    facts.put("warmUpEpochs", spec.warmUpEpochs());
    facts.put("batchSize", training.batchSize());
    facts.put("learningRate", training.optimizer().learningRate());
    facts.put("seed", training.seed());
    facts.put("guarantee", guarantee(comparison.guarantee()));
    facts.put(
        "covers",
        "residuals alone; leakage about weights is counted in the whole view's epsilon, which is"
            + " infinite here; it holds only with group norm, bounds and bases that do not depend on"
            + " the data, and if nothing else reveals which examples were sampled");
    if (!comparison.accuracies().isEmpty()) {
      spec.training().ifPresent(own -> facts.put("trainedWithNoiseRatio", own.noiseRatio()));
    }
    List<Object> ranks = new ArrayList<>();
    for (int i = 0; i < comparison.ranks().size(); i++) {
      ranks.add(summary(comparison, i));
    }
    facts.put("ranks", ranks);
    facts.put("inputs", comparison.places().stream().map(p -> place(comparison, p)).toList());
    RunFile.write(file, facts);
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
