package asymml.cli;

/// A run that ended before its time, or a question that has no answer. The message is one line that
/// says why and how to go on.
final class RunException extends Exception {
  private static final long serialVersionUID = 1;

  RunException(String message) {
    super(message);
  }

  RunException(String message, Throwable cause) {
    super(message, cause);
  }
}
