package asymml.verify.violations.wire;

/// Stands for what crosses.
public record Message(long sequence) {}
