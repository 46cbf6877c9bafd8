package asymml.cli;

import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/// The suite's table as text: plans by attacks.
final class SuiteTable {
  private static final String FIELD = "  %10s";

  private SuiteTable() {}

  static String of(List<SuiteResult> results) {
    StringBuilder text = new StringBuilder();
    text.append(AttackTable.NOTICE).append('\n');
    text.append(
        "each attack's strongest score over the layers; 'best' is its score with the clear data,"
            + " at the layer of that score, which differs between plans\n\n");
    int width = Math.max(7, results.stream().mapToInt(r -> r.plan().length()).max().orElse(0));
    text.append(" ".repeat(width));
    for (AttackName attack : AttackName.values()) {
      text.append(String.format(Locale.ROOT, FIELD, attack.heading()));
    }
    text.append('\n');
    range(text, "chance", width, results);
    for (SuiteResult result : results) {
      line(text, result.plan(), width, attack -> figures(attack, List.of(result), "value"));
    }
    range(text, "best", width, results);
    text.append('\n');
    for (AttackName attack : AttackName.values()) {
      text.append("%-8s  %s: %s\n".formatted(attack.heading(), attack.title(), attack.headline()));
    }
    return text.toString();
  }

  /// From the least to the largest over the plans.
  private static void range(StringBuilder text, String key, int width, List<SuiteResult> results) {
    line(text, key, width, attack -> figures(attack, results, key));
  }

  private static List<String> figures(AttackName attack, List<SuiteResult> results, String key) {
    return results.stream()
        .map(result -> result.cell(attack))
        .filter(cell -> cell.containsKey(key))
        .mapToDouble(cell -> SuiteResult.number(cell, key))
        .sorted()
        .mapToObj(figure -> String.format(Locale.ROOT, "%.2f", figure))
        .distinct()
        .toList();
  }

  private static void line(
      StringBuilder text, String name, int width, Function<AttackName, List<String>> figures) {
    text.append(String.format(Locale.ROOT, "%-" + width + "s", name));
    for (AttackName attack : AttackName.values()) {
      List<String> shown = figures.apply(attack);
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
