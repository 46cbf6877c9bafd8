package asymml.cli;

import java.util.List;
import java.util.Locale;

/// The suite's table as text: plans by attacks.
final class SuiteTable {
  private SuiteTable() {}

  static String of(List<SuiteResult> results) {
    StringBuilder text = new StringBuilder();
    text.append(AttackTable.NOTICE).append('\n');
    text.append(
        "each attack's strongest figure over the layers; 'best' is what it makes of the clear"
            + " data\n\n");
    int width = Math.max(7, results.stream().mapToInt(r -> r.plan().length()).max().orElse(0));
    text.append(" ".repeat(width));
    for (AttackName attack : AttackName.values()) {
      text.append(String.format(Locale.ROOT, "  %8s", attack.heading()));
    }
    text.append('\n');
    line(text, "chance", width, results, "chance");
    for (SuiteResult result : results) {
      line(text, result.plan(), width, List.of(result), "value");
    }
    line(text, "best", width, results, "best");
    text.append('\n');
    for (AttackName attack : AttackName.values()) {
      text.append("%-8s  %s: %s\n".formatted(attack.heading(), attack.title(), attack.headline()));
    }
    return text.toString();
  }

  /// A line of the first figures that there are.
  private static void line(
      StringBuilder text, String name, int width, List<SuiteResult> results, String key) {
    text.append(String.format(Locale.ROOT, "%-" + width + "s", name));
    for (AttackName attack : AttackName.values()) {
      text.append(
          results.stream()
              .map(result -> result.cell(attack))
              .filter(cell -> cell.containsKey(key))
              .findFirst()
              .map(cell -> String.format(Locale.ROOT, "  %8.2f", SuiteResult.number(cell, key)))
              .orElse("  %8s".formatted("-")));
    }
    text.append('\n');
  }
}
