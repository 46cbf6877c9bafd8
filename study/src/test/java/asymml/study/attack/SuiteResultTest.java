package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.analysis.score.Score;
import asymml.study.attack.SuiteResult.Note;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class SuiteResultTest {
  private static final Score WEAK =
      new Score("subspace", "conv2", "squared cosine of angles, r=2", 0.6, 0.5, 0.9, 0);
  private static final Score STRONG =
      new Score("subspace", "conv3", "squared cosine of angles, r=4", 0.4, 0.1, 0.9, 0);
  private static final Score OTHER = new Score("subspace", "conv3", "rank found", 99, 0, 100, 0);

  private static SuiteResult result(List<Score> scores, List<Note> notes) {
    return new SuiteResult(
        "base", "words", Map.of(), OptionalDouble.empty(), 1, scores, notes, List.of());
  }

  /// A quarter of the way from chance to the best, and three eighths.
  @Test
  void the_strongest_score_is_the_farthest_on_the_way_from_chance_not_the_largest() {
    assertThat(result(List.of(WEAK, STRONG, OTHER), List.of()).strongest(AttackName.SUBSPACE))
        .contains(STRONG);
    assertThat(result(List.of(OTHER), List.of()).strongest(AttackName.SUBSPACE)).isEmpty();
    assertThat(result(List.of(WEAK), List.of()).strongest(AttackName.MASK)).isEmpty();
  }

  @Test
  void a_note_is_the_last_of_the_attacks_own() {
    SuiteResult result =
        result(
            List.of(),
            List.of(
                new Note("mask", "no dX"),
                new Note("image", "no mask"),
                new Note("mask", "no dY")));
    assertThat(result.note(AttackName.MASK)).isEqualTo("no dY");
    assertThat(result.note(AttackName.IMAGE)).isEqualTo("no mask");
    assertThat(result.note(AttackName.MEMBERSHIP)).isEqualTo("not applied");
  }

  @Test
  void a_verdict_is_of_these_scores() {
    assertThat(result(List.of(WEAK, STRONG), List.of()).verdict())
        .isEqualTo(
            "none of the 1 attacks recovered anything: each stays nearer to chance than to the"
                + " best possible score, or within three standard deviations of chance");
    assertThat(
            result(
                    List.of(
                        WEAK,
                        new Score("subspace", "conv4", "squared cosine of angles", 0.8, 0, 1, 0)),
                    List.of())
                .verdict())
        .isEqualTo(
            "recovered: withheld directions by subspace (conv4, squared cosine of angles 0.80,"
                + " chance 0.00)");
    assertThat(result(List.of(), List.of()).verdict()).isEqualTo("no attack could be applied");
  }

  @Test
  void what_is_found_later_does_not_change_a_result() {
    List<Score> scores = new ArrayList<>(List.of(WEAK));
    SuiteResult result = result(scores, List.of());
    scores.add(STRONG);
    assertThat(result.scores()).containsExactly(WEAK);
  }
}
