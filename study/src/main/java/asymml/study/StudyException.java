package asymml.study;

/// A study that has no answer. The message is one line that says why.
public final class StudyException extends Exception {
  private static final long serialVersionUID = 1;

  /// A study without an answer.
  ///
  /// @param message one line
  public StudyException(String message) {
    super(message);
  }

  /// A study without an answer.
  ///
  /// @param message one line
  /// @param cause what it came from
  public StudyException(String message, Throwable cause) {
    super(message, cause);
  }
}
