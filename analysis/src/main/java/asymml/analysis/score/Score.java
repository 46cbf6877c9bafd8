package asymml.analysis.score;

/// One measure of one attack on one layer.
///
/// @param attack which
/// @param layer where
/// @param measure what is counted
/// @param value what the attack reached
/// @param chance what a guess without the view reaches
/// @param best what an attacker with the clear data reaches
public record Score(
    String attack, String layer, String measure, double value, double chance, double best) {}
