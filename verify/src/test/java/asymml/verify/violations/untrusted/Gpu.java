package asymml.verify.violations.untrusted;

/// Stands for the worker.
public record Gpu() {}
