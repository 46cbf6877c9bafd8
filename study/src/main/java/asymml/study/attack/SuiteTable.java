package asymml.study.attack;

import asymml.analysis.score.Score;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/// The suite's table as text: plans by attacks.
public final class SuiteTable {
  private static final String FIELD = "  %10s";

  private SuiteTable() {}

  /// Draws the table.
  ///
  /// @param results one for each plan
  /// @return lines
  public static String of(List<SuiteResult> results) {
    StringBuilder text = new StringBuilder();
    text.append(AttackReport.NOTICE).append('\n');
    text.append(
        "each attack's strongest score over the layers; 'best' is its score with the clear data,"
            + " at the layer of that score, which differs between plans; 'deviation' is the standard"
            + " deviation of guesses, where it is known: within three of it from chance, a score is"
            + " that of a guess\n\n");
    int width = Math.max(9, results.stream().mapToInt(r -> r.plan().length()).max().orElse(0));
    text.append(" ".repeat(width));
    for (AttackName attack : AttackName.values()) {
      text.append(String.format(Locale.ROOT, FIELD, attack.heading()));
    }
    text.append('\n');
    range(text, "chance", width, results, Score::chance);
    range(text, "deviation", width, results, Score::deviation);
    for (SuiteResult result : results) {
      range(text, result.plan(), width, List.of(result), Score::value);
    }
    range(text, "best", width, results, Score::best);
    text.append('\n');
    for (AttackName attack : AttackName.values()) {
      text.append("%-8s  %s: %s\n".formatted(attack.heading(), attack.title(), attack.headline()));
    }
    return text.toString();
  }

  /// From the least to the largest over the plans.
  private static void range(
      StringBuilder text,
      String name,
      int width,
      List<SuiteResult> results,
      ToDoubleFunction<Score> of) {
    line(text, name, width, attack -> values(attack, results, of));
  }

  private static List<String> values(
      AttackName attack, List<SuiteResult> results, ToDoubleFunction<Score> of) {
    return results.stream()
        .flatMap(result -> result.strongest(attack).stream())
        .mapToDouble(of)
        .sorted()
        .mapToObj(value -> String.format(Locale.ROOT, "%.2f", value))
        .distinct()
        .toList();
  }

  private static void line(
      StringBuilder text, String name, int width, Function<AttackName, List<String>> values) {
    text.append(String.format(Locale.ROOT, "%-" + width + "s", name));
    for (AttackName attack : AttackName.values()) {
      List<String> shown = values.apply(attack);
      text.append(
          String.format(
              Locale.ROOT,
              FIELD,
              switch (shown.size()) {
                case 0 -> "-";
                case 1 -> shown.getFirst();
                default -> shown.getFirst() + ".." + shown.getLast();
              }));
    }
    text.append('\n');
  }
}
