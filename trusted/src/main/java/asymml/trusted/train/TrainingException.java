package asymml.trusted.train;

/// Training cannot go on. Its message is one line that says why and what to do, without any private
/// value.
public final class TrainingException extends Exception {
  private static final long serialVersionUID = 1;

  /// Creates an exception.
  ///
  /// @param message one line for the user
  public TrainingException(String message) {
    super(message);
  }

  TrainingException(String message, Throwable cause) {
    super(message, cause);
  }
}
