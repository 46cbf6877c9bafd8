package asymml.attest.intel;

/// What a quote is of.
public enum Tee {
  /// An enclave.
  SGX("QE"),
  /// A trust domain: a confidential virtual machine.
  TDX("TD_QE");

  private final String quotingEnclave;

  Tee(String quotingEnclave) {
    this.quotingEnclave = quotingEnclave;
  }

  /// The id of the identity of its quoting enclave.
  String quotingEnclave() {
    return quotingEnclave;
  }
}
