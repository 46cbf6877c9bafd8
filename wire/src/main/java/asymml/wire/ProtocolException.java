package asymml.wire;

import java.io.IOException;

/// The peer broke the protocol, went away or did not answer in time. Its message is one line that a
/// user can act on and never holds tensor values.
public final class ProtocolException extends IOException {
  private static final long serialVersionUID = 1;

  /// What went wrong, for callers that tell these cases apart.
  public enum Reason {
    /// The peer sent something that the protocol does not allow, or refused a request.
    VIOLATION,
    /// The connection ended: the peer left or died.
    CLOSED,
    /// The time limit of a wait passed.
    TIMED_OUT
  }

  private final Reason reason;

  /// Creates an exception of reason [Reason#VIOLATION] without a cause.
  ///
  /// @param message one line for the user
  public ProtocolException(String message) {
    this(Reason.VIOLATION, message);
  }

  /// Creates an exception of reason [Reason#VIOLATION] with a cause.
  ///
  /// @param message one line for the user
  /// @param cause what was caught
  public ProtocolException(String message, Throwable cause) {
    this(Reason.VIOLATION, message, cause);
  }

  /// Creates an exception without a cause.
  ///
  /// @param reason which of the cases it is
  /// @param message one line for the user
  public ProtocolException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  /// Creates an exception with a cause.
  ///
  /// @param reason which of the cases it is
  /// @param message one line for the user
  /// @param cause what was caught
  public ProtocolException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  /// Which of the cases it is.
  ///
  /// @return the reason
  public Reason reason() {
    return reason;
  }
}
