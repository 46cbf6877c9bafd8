package asymml.privacy;

/// A way by which an untrusted worker learns about the training data.
public enum Channel {
  /// A layer's input less its low-rank part (in `dp-only` mode all of it).
  RESIDUALS("residuals"),
  /// Output gradients of layers at the worker.
  GRADIENTS("gradients"),
  /// Weights of layers at the worker: each step's carry the gradients of all steps before.
  WEIGHTS("weights"),
  /// Shared bases: never sent, but the null space of what is sent.
  BASIS("basis");

  private final String label;

  Channel(String label) {
    this.label = label;
  }

  /// The name as people and files write it.
  ///
  /// @return for example `residuals`
  public String label() {
    return label;
  }
}
