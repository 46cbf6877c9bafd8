package asymml.trusted.memory;

/// What a network is planned for, and so what it keeps.
public enum Purpose {
  /// Forward passes with running statistics and without dropout: an output is kept until it was
  /// last read.
  INFERENCE,
  /// Training steps: outputs and gradients are kept until they were last read.
  TRAINING,
  /// Training steps whose outputs and gradients are looked at afterwards: all are kept.
  INSPECTION
}
