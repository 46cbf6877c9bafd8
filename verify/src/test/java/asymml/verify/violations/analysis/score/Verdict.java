package asymml.verify.violations.analysis.score;

/// Stands for what is computed from the truth.
public final class Verdict {}
