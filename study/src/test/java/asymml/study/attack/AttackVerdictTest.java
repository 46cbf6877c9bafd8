package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.analysis.score.Score;
import java.util.List;
import org.junit.jupiter.api.Test;

class AttackVerdictTest {
  private static Score score(AttackName attack, String measure, double value, double chance) {
    return new Score(attack.label(), "conv1", measure, value, chance, 1, 0);
  }

  @Test
  void what_was_recovered_is_named_with_its_attack_and_score() {
    assertThat(
            AttackVerdict.of(
                List.of(
                    score(AttackName.MASK, "activation cosine", 0.98, 0),
                    score(AttackName.MEMBERSHIP, "AUC", 0.6, 0.5))))
        .isEqualTo("recovered: activations by mask (conv1, activation cosine 0.98, chance 0.00)");
  }

  @Test
  void half_of_the_way_from_chance_to_the_best_counts() {
    assertThat(AttackVerdict.succeeds(score(AttackName.MEMBERSHIP, "AUC", 0.75, 0.5))).isTrue();
    assertThat(AttackVerdict.succeeds(score(AttackName.MEMBERSHIP, "AUC", 0.74, 0.5))).isFalse();
    assertThat(AttackVerdict.succeeds(new Score("decoder", "conv1", "cosine", 0.4, 0, 0.7, 0)))
        .isTrue();
  }

  /// An AUC of 8 and 8 was 0.80 once where nothing could be told: two deviations.
  @Test
  void what_a_guess_reaches_recovers_nothing() {
    Score guess = new Score("membership", "conv3", "AUC", 0.8, 0.5, 1, 0.15);
    assertThat(AttackVerdict.of(List.of(guess)))
        .startsWith("none of the 1 attacks recovered anything")
        .endsWith("or within three standard deviations of chance");
    assertThat(AttackVerdict.succeeds(new Score("membership", "conv3", "AUC", 1, 0.5, 1, 0.15)))
        .isTrue();
    assertThat(AttackVerdict.succeeds(new Score("membership", "conv3", "AUC", 0.8, 0.5, 1, 0.09)))
        .isTrue();
  }

  @Test
  void a_score_below_chance_recovers_nothing() {
    assertThat(AttackVerdict.of(List.of(score(AttackName.MEMBERSHIP, "AUC", 0.1, 0.5))))
        .startsWith("none of the 1 attacks recovered anything");
  }

  @Test
  void where_the_best_is_chance_nothing_can_be_told() {
    assertThat(AttackVerdict.succeeds(new Score("membership", "conv1", "AUC", 0.5, 0.5, 0.5, 0)))
        .isFalse();
  }

  @Test
  void each_attack_is_told_once_by_its_strongest_score() {
    String verdict =
        AttackVerdict.of(
            List.of(
                score(AttackName.SUBSPACE, "squared cosine of angles, r=2", 0.9, 0.1),
                new Score("subspace", "conv3", "squared cosine of angles, r=4", 0.99, 0.1, 1, 0),
                score(AttackName.MODEL_INVERSION, "cosine", 0.8, 0)));
    assertThat(verdict)
        .contains("withheld directions by subspace (conv3", "; images by model-inversion")
        .doesNotContain("r=2");
  }

  @Test
  void only_measures_that_stand_for_an_attack_count() {
    // A PSNR has no scale on which half of the way means anything.
    assertThat(AttackVerdict.of(List.of(score(AttackName.IMAGE, "PSNR, dB", 30, 10))))
        .isEqualTo("no attack could be applied");
    assertThat(AttackVerdict.strongest(AttackName.IMAGE, List.of())).isEmpty();
  }

  @Test
  void without_scores_no_attack_was_applied() {
    assertThat(AttackVerdict.of(List.of())).isEqualTo("no attack could be applied");
  }
}
