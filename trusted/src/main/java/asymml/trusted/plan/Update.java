package asymml.trusted.plan;

/// Who updates the weights of split layers with a shared basis. All others are updated on the
/// trusted side.
public enum Update {
  /// The trusted side: weights are sent in each step, and their gradients come back.
  TRUSTED("trusted"),
  /// The worker, which holds weights and momentum (3LegRace, arXiv 2110.01229): it is sent the
  /// basis and the trusted part of the weight gradient in terms of it, and returns folded kernels.
  WORKER("worker");

  private final String label;

  Update(String label) {
    this.label = label;
  }

  /// The name as the command line writes it.
  ///
  /// @return `trusted` or `worker`
  public String label() {
    return label;
  }
}
