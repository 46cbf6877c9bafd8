package asymml.attest.release;

import java.io.IOException;

/// A key that was not released, or a message or file of the key release that cannot be used. The
/// message is one line.
public final class ReleaseException extends IOException {
  private static final long serialVersionUID = 1;

  /// Of our own rules.
  ///
  /// @param message one line
  public ReleaseException(String message) {
    super(message);
  }

  /// Of a library's.
  ///
  /// @param message one line
  /// @param cause what the library said
  public ReleaseException(String message, Throwable cause) {
    super(message, cause);
  }
}
