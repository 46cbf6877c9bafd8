package asymml.study.attack;

import asymml.analysis.score.Score;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What attacks on one recording came to. PRIVATE: scores are statistics of private data, covered
/// by no guarantee.
///
/// @param scores of all attacks
/// @param notes attacks and layers that were left out, and why
/// @param seconds that it took
public record AttackReport(List<Score> scores, List<AttackNote> notes, double seconds) {
  /// What is to be said above scores.
  public static final String NOTICE =
      "PRIVATE: scored against private images; not covered by any guarantee";

  /// Copies the lists.
  public AttackReport {
    scores = List.copyOf(scores);
    notes = List.copyOf(notes);
  }

  /// What was recovered, by which attacks.
  ///
  /// @return one sentence
  public String verdict() {
    return AttackVerdict.of(scores);
  }

  /// Writes a JSON file.
  ///
  /// @param file to write, in place of an earlier one
  /// @param target what was attacked
  /// @param settings how hard attacks tried
  /// @throws IOException if it cannot be written
  public void write(Path file, AttackTarget target, AttackSettings settings) throws IOException {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("notice", NOTICE);
    facts.put("format", "asymml-attack-1");
    facts.put("recording", target.recording().toString());
    facts.put("truth", target.run().directory().toString());
    facts.put("layers", settings.layers());
    facts.put("maxUnknowns", settings.maxUnknowns());
    facts.put("publicImages", settings.publicImages());
    facts.put("inversionIterations", settings.inversionIterations());
    facts.put("seconds", seconds);
    facts.put("scores", scores);
    facts.put("notApplied", notes.stream().map(AttackNote::toString).toList());
    RunFile.write(file, facts);
  }
}
