package asymml.wire;

import java.io.IOException;

/// The peer broke the protocol, went away or did not answer in time. Its message is one line that a
/// user can act on and never holds tensor values.
public final class ProtocolException extends IOException {
  private static final long serialVersionUID = 1;

  /// Creates an exception without a cause.
  ///
  /// @param message one line for the user
  public ProtocolException(String message) {
    super(message);
  }

  /// Creates an exception with a cause.
  ///
  /// @param message one line for the user
  /// @param cause what was caught
  public ProtocolException(String message, Throwable cause) {
    super(message, cause);
  }
}
