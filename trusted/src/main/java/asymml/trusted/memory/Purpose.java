package asymml.trusted.memory;

/// What a network is planned for, and so what it retains.
public enum Purpose {
  /// Forward passes with running statistics and without dropout: an output is retained until it was
  /// last read.
  INFERENCE,
  /// Training steps: outputs and gradients are retained until they were last read.
  TRAINING,
  /// Training steps whose outputs and gradients are read afterwards: all are retained.
  INSPECTION
}
