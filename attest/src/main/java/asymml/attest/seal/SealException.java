package asymml.attest.seal;

import java.io.IOException;

/// A sealed file or a key that cannot be used: of another form, of another key, cut or changed. The
/// message is one line.
public final class SealException extends IOException {
  private static final long serialVersionUID = 1;

  /// Of our own rules.
  ///
  /// @param message one line
  public SealException(String message) {
    super(message);
  }

  /// Of the cryptography's.
  ///
  /// @param message one line
  /// @param cause what it said
  public SealException(String message, Throwable cause) {
    super(message, cause);
  }
}
