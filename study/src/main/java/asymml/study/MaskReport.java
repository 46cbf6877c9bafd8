package asymml.study;

import asymml.trusted.plan.MaskPrecision;
import asymml.trusted.rank.MaskErrors;
import asymml.trusted.rank.RankFile;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// What masks cost in precision, by layer and rank. PRIVATE: computed from private images.
///
/// @param model the network's name
/// @param noiseMultiplier of the masks
/// @param images that ran through the network
/// @param forward a row for each layer and rank
/// @param backward a row for each layer
public record MaskReport(
    String model,
    double noiseMultiplier,
    int images,
    List<MaskErrors.AtRank> forward,
    List<MaskErrors.OfGradient> backward) {
  /// Copies the lists.
  public MaskReport {
    forward = List.copyOf(forward);
    backward = List.copyOf(backward);
  }

  /// Whether the largest error is inside the limit of a run.
  ///
  /// @return a sentence that begins with `verdict`
  public String verdict() {
    String where = "nothing";
    double worst = 0;
    for (MaskErrors.AtRank at : forward) {
      if (Double.compare(at.y().measured(), worst) > 0) {
        worst = at.y().measured();
        where = "%s at rank %s".formatted(at.layer(), at.rank());
      }
    }
    for (MaskErrors.OfGradient of : backward) {
      if (Double.compare(of.dx().measured(), worst) > 0) {
        worst = of.dx().measured();
        where = "the gradient of " + of.layer();
      }
    }
    return String.format(
        Locale.ROOT,
        "verdict: the largest relative error is %.1e (%s), %s the limit of %.0e for a run",
        worst,
        where,
        worst <= MaskPrecision.LARGEST ? "inside" : "ABOVE",
        MaskPrecision.LARGEST);
  }

  /// Writes the rows as JSON.
  ///
  /// @param file in a run directory, replaced if it exists
  /// @throws IOException if it cannot be written
  public void write(Path file) throws IOException {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("notice", RankFile.NOTICE);
    facts.put("noiseMultiplier", noiseMultiplier);
    facts.put("images", images);
    facts.put(
        "forward",
        forward.stream().map(at -> facts(at.layer(), at.y(), Map.of("rank", at.rank()))).toList());
    facts.put(
        "backward", backward.stream().map(of -> facts(of.layer(), of.dx(), Map.of())).toList());
    RunFile.write(file, facts);
  }

  private static Map<String, Object> facts(
      String layer, MaskErrors.Errors errors, Map<String, Object> more) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("layer", layer);
    facts.putAll(more);
    facts.put("normShare", errors.normShare());
    facts.put("masksOverRms", errors.masks());
    facts.put("bits", errors.bits());
    facts.put("predictedError", errors.predicted());
    facts.put("measuredError", errors.measured());
    return facts;
  }
}
