package asymml.trusted.plan;

/// What a run is for: which plan its linear layers get.
public enum Mode {
  /// The product: low-rank parts stay trusted, noisy residuals are released.
  ASYMML("asymml"),
  /// All arithmetic on the trusted side: the baseline that an enclave without a worker gives.
  TRUSTED_ONLY("trusted-only"),
  /// Linear layers on the worker, exact inputs: a baseline without privacy.
  UNTRUSTED_ONLY("untrusted-only"),
  /// Noise on whole activations, no low-rank part: what the paper compares its noise with.
  DP_ONLY("dp-only");

  private final String label;

  Mode(String label) {
    this.label = label;
  }

  /// The name as the command line writes it.
  ///
  /// @return for example `trusted-only`
  public String label() {
    return label;
  }
}
