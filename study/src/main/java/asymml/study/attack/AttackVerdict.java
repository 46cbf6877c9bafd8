package asymml.study.attack;

import asymml.analysis.score.Score;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// Scores in one sentence.
final class AttackVerdict {
  /// An attack succeeds where it comes this share of the way from chance to the best that is
  /// possible, and further than guesses do.
  private static final double SUCCESS = 0.5;

  private AttackVerdict() {}

  static String of(List<Score> scores) {
    List<String> recovered = new ArrayList<>();
    int applied = 0;
    for (AttackName attack : AttackName.values()) {
      Optional<Score> strongest = strongest(attack, scores);
      if (strongest.isEmpty()) {
        continue;
      }
      applied++;
      if (succeeds(strongest.get())) {
        recovered.add(describe(attack, strongest.get()));
      }
    }
    if (applied == 0) {
      return "no attack could be applied";
    }
    return recovered.isEmpty()
        ? ("none of the %s attacks recovered anything: each stays nearer to chance than to the best"
                + " possible score, or within three standard deviations of chance")
            .formatted(applied)
        : "recovered: " + String.join("; ", recovered);
  }

  private static String describe(AttackName attack, Score score) {
    return String.format(
        Locale.ROOT,
        "%s by %s (%s, %s %.2f, chance %.2f)",
        attack.target(),
        attack.label(),
        score.layer(),
        score.measure(),
        score.value(),
        score.chance());
  }

  /// The strongest of the scores that stand for an attack.
  static Optional<Score> strongest(AttackName attack, List<Score> scores) {
    return scores.stream()
        .filter(score ->
            attack.label().equals(score.attack()) && score.measure().contains(attack.headline()))
        .max(Comparator.comparingDouble(AttackVerdict::strength));
  }

  static boolean succeeds(Score score) {
    return strength(score) >= SUCCESS && score.aboveChance();
  }

  /// How far it is from chance to the best.
  private static double strength(Score score) {
    return (score.value() - score.chance()) / Math.max(score.best() - score.chance(), 1e-9);
  }
}
