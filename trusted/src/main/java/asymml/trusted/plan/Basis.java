package asymml.trusted.plan;

/// What a shared basis is fitted to.
public enum Basis {
  /// The private batches themselves: no mechanism bounds what it reveals of them.
  BATCH("batch"),
  /// Public images, run through the same network.
  PUBLIC("public"),
  /// The second moments of private batches, clipped per example and with noise.
  DP("dp");

  private final String label;

  Basis(String label) {
    this.label = label;
  }

  /// The name as the command line writes it.
  ///
  /// @return `batch`, `public` or `dp`
  public String label() {
    return label;
  }
}
