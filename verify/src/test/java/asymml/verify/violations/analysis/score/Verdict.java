package asymml.verify.violations.analysis.score;

/// Stands for what is computed from the truth.
///
/// @param right whether an attack was
public record Verdict(boolean right) {}
