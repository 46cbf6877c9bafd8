package asymml.verify.violations.cli;

/// Stands for what knows the trusted side.
public record Command() {}
