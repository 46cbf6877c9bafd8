package asymml.study.attack;

/// Why an attack was not applied.
///
/// @param attack which
/// @param layer where
/// @param why in half a sentence
public record AttackNote(AttackName attack, String layer, String why) {
  @Override
  public String toString() {
    return "not applied: %s, %s: %s".formatted(attack.label(), layer, why);
  }
}
