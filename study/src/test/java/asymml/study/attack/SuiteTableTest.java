package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.analysis.score.Score;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

/// The table of a suite, read by its columns.
class SuiteTableTest {
  private static SuiteResult result(String plan, Score... scores) {
    return new SuiteResult(
        plan, "words", Map.of(), OptionalDouble.empty(), 1, List.of(scores), List.of(), List.of());
  }

  private static Score auc(double value, double best) {
    return new Score("membership", "conv2", "AUC", value, 0.5, best, 0.1);
  }

  private static Score span(double value, double chance) {
    return new Score("subspace", "conv2", "squared cosine of angles, r=2", value, chance, 1, 0.2);
  }

  /// The line that begins with a word, without it, in its columns.
  private static List<String> line(String table, String name) {
    return table
        .lines()
        .filter(line -> line.startsWith(name + " "))
        .findFirst()
        .map(line -> Arrays.asList(line.substring(name.length()).trim().split(" +")))
        .orElseThrow(() -> new AssertionError(name + " is not in " + table));
  }

  private static String cell(String table, String name, AttackName attack) {
    return line(table, name).get(List.of(AttackName.values()).indexOf(attack));
  }

  @Test
  void every_plan_has_a_cell_for_every_attack() {
    String table = SuiteTable.of(List.of(result("base", auc(0.7, 1)), result("open")));
    assertThat(line(table, "base")).hasSize(AttackName.values().length);
    assertThat(cell(table, "base", AttackName.MEMBERSHIP)).isEqualTo("0.70");
    assertThat(line(table, "open")).containsOnly("-");
  }

  @Test
  void columns_stand_under_their_headings() {
    String table = SuiteTable.of(List.of(result("base", auc(0.7, 1), span(0.9, 0.1))));
    String headings =
        table.lines().filter(line -> line.trim().startsWith("solve")).findFirst().orElseThrow();
    String base = table.lines().filter(line -> line.startsWith("base")).findFirst().orElseThrow();
    for (AttackName attack : List.of(AttackName.MEMBERSHIP, AttackName.SUBSPACE)) {
      int end = headings.indexOf(attack.heading()) + attack.heading().length();
      assertThat(base.substring(end - 4, end))
          .isEqualTo(attack == AttackName.MEMBERSHIP ? "0.70" : "0.90");
    }
    assertThat(headings).hasSameSizeAs(base);
  }

  @Test
  void chance_and_best_are_ranges_where_plans_differ() {
    String table =
        SuiteTable.of(
            List.of(
                result("a", auc(0.6, 0.9), span(0.3, 0.25)),
                result("b", auc(0.6, 0.7), span(0.3, 0.125))));
    assertThat(cell(table, "best", AttackName.MEMBERSHIP)).isEqualTo("0.70..0.90");
    assertThat(cell(table, "chance", AttackName.SUBSPACE)).isIn("0.13..0.25", "0.12..0.25");
    assertThat(cell(table, "chance", AttackName.MEMBERSHIP)).isEqualTo("0.50");
    assertThat(cell(table, "best", AttackName.SUBSPACE)).isEqualTo("1.00");
    assertThat(cell(table, "deviation", AttackName.SUBSPACE)).isEqualTo("0.20");
  }

  @Test
  void an_attack_is_shown_by_its_strongest_layer() {
    String table =
        SuiteTable.of(
            List.of(
                result(
                    "base",
                    span(0.4, 0.1),
                    new Score(
                        "subspace", "conv3", "squared cosine of angles, r=4", 0.6, 0.55, 1, 0))));
    // 0.4 is a third of the way from 0.1, and 0.6 only a ninth from 0.55.
    assertThat(cell(table, "base", AttackName.SUBSPACE)).isEqualTo("0.40");
  }

  @Test
  void long_names_of_plans_move_all_columns_alike() {
    String table =
        SuiteTable.of(List.of(result("a-plan-with-a-long-name", auc(0.7, 1)), result("b")));
    assertThat(
            table
                .lines()
                .filter(line ->
                    line.startsWith("a-plan")
                        || line.startsWith("b ")
                        || line.startsWith("best ")
                        || line.startsWith("chance "))
                .mapToInt(String::length)
                .distinct())
        .hasSize(1);
  }

  @Test
  void numbers_have_points_whatever_the_language_of_the_machine() {
    Locale before = Locale.getDefault();
    Locale.setDefault(Locale.GERMANY);
    try {
      String table = SuiteTable.of(List.of(result("base", auc(0.7, 1))));
      assertThat(cell(table, "base", AttackName.MEMBERSHIP)).isEqualTo("0.70");
      assertThat(AttackVerdict.of(List.of(auc(0.9, 1)))).contains("AUC 0.90, chance 0.50");
    } finally {
      Locale.setDefault(before);
    }
  }

  @Test
  void every_attack_is_explained_below() {
    String table = SuiteTable.of(List.of());
    for (AttackName attack : AttackName.values()) {
      assertThat(table.lines())
          .anyMatch(line ->
              line.startsWith(attack.heading())
                  && line.endsWith(attack.title() + ": " + attack.headline()));
    }
    assertThat(table).startsWith(AttackReport.NOTICE);
  }
}
