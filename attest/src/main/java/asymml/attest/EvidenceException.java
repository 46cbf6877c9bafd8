package asymml.attest;

/// Evidence, collateral, a certificate or a policy that cannot be read. The message is one line
/// that says what was found and what was expected.
public final class EvidenceException extends Exception {
  private static final long serialVersionUID = 1;

  /// Of our own rules.
  ///
  /// @param message one line
  public EvidenceException(String message) {
    super(message);
  }

  /// Of a library's.
  ///
  /// @param message one line
  /// @param cause what the library said
  public EvidenceException(String message, Throwable cause) {
    super(message, cause);
  }
}
