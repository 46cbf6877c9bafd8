package asymml.cli.table;

import asymml.analysis.score.Score;
import asymml.study.attack.AttackReport;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;

/// Scores of attacks as text.
public final class AttackTable {
  private AttackTable() {}

  /// Prints notice, scores and notes of a run's first step.
  public static void print(AttackReport report, PrintWriter out) {
    print(
        report,
        "what one worker can compute of a run's first step; no noise that still trains stops all of"
            + " these",
        out);
  }

  /// Prints notice, scores and notes.
  ///
  /// @param what the scores are of, in a line
  public static void print(AttackReport report, String what, PrintWriter out) {
    List<Score> scores = report.scores();
    out.println(AttackReport.NOTICE);
    out.println(what);
    out.println();
    int layer = Math.max(5, scores.stream().mapToInt(s -> s.layer().length()).max().orElse(0));
    int measure = Math.max(7, scores.stream().mapToInt(s -> s.measure().length()).max().orElse(0));
    String row = "%-14s  %-" + layer + "s  %-" + measure + "s  %7s  %7s  %9s  %7s%n";
    out.printf(row, "attack", "layer", "measure", "score", "chance", "deviation", "best");
    for (Score score : scores) {
      out.printf(
          row,
          score.attack(),
          score.layer(),
          score.measure(),
          decimal(score.value()),
          decimal(score.chance()),
          score.deviation() > 0 ? decimal(score.deviation()) : "-",
          decimal(score.best()));
    }
    out.println();
    out.println(
        "deviation: the standard deviation of guesses, where it is known; within three of it from"
            + " chance, a score is that of a guess");
    if (!report.notes().isEmpty()) {
      out.println();
      report.notes().forEach(out::println);
    }
    out.printf(Locale.ROOT, "%n%.1f s%n", report.seconds());
  }

  private static String decimal(double value) {
    return String.format(Locale.ROOT, Math.abs(value) < 10 ? "%.3f" : "%.1f", value);
  }
}
