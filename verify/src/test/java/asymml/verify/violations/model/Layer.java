package asymml.verify.violations.model;

/// Stands for the model.
///
/// @param name which no worker learns
public record Layer(String name) {}
