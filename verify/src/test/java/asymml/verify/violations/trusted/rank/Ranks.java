package asymml.verify.violations.trusted.rank;

/// Stands for the results of an analysis.
public record Ranks() {}
