package asymml.study.audit;

import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What an audit of a run found. No private image was used.
///
/// @param noiseMultiplier z of the run's sums of gradients
/// @param epsilon that is claimed for the run
/// @param delta of it
/// @param steps lower bounds of mu, by observer
/// @param training lower bounds of epsilon; null if it was left out
public record AuditReport(
    double noiseMultiplier,
    double epsilon,
    double delta,
    List<StepAudit.View> steps,
    RunAudit.@Nullable Result training) {
  /// What an audit is worth.
  public static final String NOTICE =
      "an audit can refute a guarantee and cannot prove one: the guarantee rests on its proof and"
          + " the accountant, never on this";

  /// Copies the list.
  public AuditReport {
    steps = List.copyOf(steps);
  }

  /// Whether all claims withstand the audit.
  ///
  /// @return false if one is refuted
  public boolean holds() {
    return steps.stream().allMatch(StepAudit.View::holds) && (training == null || training.holds());
  }

  /// The report as text.
  ///
  /// @return lines
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    lines.add(
        String.format(
            Locale.ROOT,
            "claimed for the run: epsilon %.2f at delta %.1e, noise multiplier %.4f",
            epsilon,
            delta,
            noiseMultiplier));
    lines.add("");
    StepAudit.View first = steps.getFirst();
    lines.add(
        String.format(
            Locale.ROOT,
            "single steps, %s canaries with orthogonal gradients of the clip norm, by observer"
                + " (%.0f %% confidence each):",
            first.found().canaries(),
            100 * first.found().confidence()));
    String row = "  %-26s  %12s  %10s  %s";
    lines.add(String.format(Locale.ROOT, row, "", "mu, at least", "mu claimed", "claim"));
    for (StepAudit.View view : steps) {
      lines.add(
          String.format(
              Locale.ROOT,
              row,
              view.observer(),
              String.format(Locale.ROOT, "%.3f", view.found().lower()),
              String.format(Locale.ROOT, "%.3f", view.claimed()),
              verdict(view.holds())));
    }
    if (training != null) {
      lines.add("");
      addTraining(lines, training);
    }
    lines.add("");
    lines.add("verdict: " + verdict());
    lines.add("note: " + NOTICE);
    return lines;
  }

  private static void addTraining(List<String> lines, RunAudit.Result training) {
    lines.add(
        String.format(
            Locale.ROOT,
            "one training of %s steps on drawn images, %s canaries of which %s took part"
                + " (%.0f %% confidence; a smoke test: it finds gross faults alone):",
            training.steps(),
            training.canaries(),
            training.included(),
            100 * training.confidence()));
    String row = "  %-26s  %12s  %10s  %s";
    lines.add(String.format(Locale.ROOT, row, "guesses by", "right", "of", "epsilon, at least"));
    for (RunAudit.Guesses guess : training.guesses()) {
      lines.add(
          String.format(
              Locale.ROOT,
              row,
              guess.score(),
              guess.correct(),
              guess.count(),
              String.format(Locale.ROOT, "%.2f", guess.lower())));
    }
    lines.add(
        String.format(
            Locale.ROOT,
            "  epsilon: at least %.2f, claimed %.2f at delta %.1e: %s",
            training.lower(),
            training.upper(),
            training.delta(),
            verdict(training.holds())));
  }

  private static String verdict(boolean holds) {
    return holds ? "not refuted" : "REFUTED";
  }

  /// What was found, in a sentence.
  ///
  /// @return the verdict
  public String verdict() {
    return holds()
        ? "no claim is refuted"
        : "a claim is REFUTED: the steps of this program are less private than it says (a right"
            + " program is refuted in at most 5 % of audits, for each observer and for the"
            + " training)";
  }

  /// The report as JSON.
  ///
  /// @return facts by name
  public Map<String, Object> facts() {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("notice", NOTICE);
    facts.put("holds", holds());
    facts.put("noiseMultiplier", noiseMultiplier);
    facts.put("claimedEpsilon", number(epsilon));
    facts.put("delta", delta);
    facts.put("steps", steps.stream().map(AuditReport::facts).toList());
    if (training != null) {
      Map<String, Object> own = new LinkedHashMap<>();
      own.put("canaries", training.canaries());
      own.put("included", training.included());
      own.put("steps", training.steps());
      own.put("delta", training.delta());
      own.put("confidence", training.confidence());
      own.put("lowerEpsilon", training.lower());
      own.put("claimedEpsilon", training.upper());
      own.put("holds", training.holds());
      own.put("guesses", training.guesses());
      facts.put("training", own);
    }
    return facts;
  }

  private static Map<String, Object> facts(StepAudit.View view) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("observer", view.observer());
    facts.put("lowerMu", view.found().lower());
    facts.put("claimedMu", view.claimed());
    facts.put("holds", view.holds());
    facts.put("canaries", view.found().canaries());
    facts.put("falsePositives", view.found().falsePositives());
    facts.put("falseNegatives", view.found().falseNegatives());
    facts.put("confidence", view.found().confidence());
    return facts;
  }

  private static Object number(double value) {
    return Double.isFinite(value) ? value : Double.toString(value);
  }

  /// Writes the report as JSON.
  ///
  /// @param file in a run directory, replaced if it exists
  /// @throws IOException if it cannot be written
  public void write(Path file) throws IOException {
    RunFile.write(file, facts());
  }
}
