package asymml.verify.violations.wire;

/// Stands for what crosses.
///
/// @param sequence its number
public record Message(long sequence) {}
