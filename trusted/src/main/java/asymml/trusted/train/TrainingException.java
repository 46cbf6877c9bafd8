package asymml.trusted.train;

import org.jspecify.annotations.Nullable;

/// Training cannot continue. Its message is one line with the reason and the remedy, without any
/// private value.
public final class TrainingException extends Exception {
  private static final long serialVersionUID = 1;

  private final boolean diverged;

  /// Creates an exception.
  ///
  /// @param message one line for the user
  public TrainingException(String message) {
    this(message, null);
  }

  TrainingException(String message, @Nullable Throwable cause) {
    this(message, cause, false);
  }

  private TrainingException(String message, @Nullable Throwable cause, boolean diverged) {
    super(message, cause);
    this.diverged = diverged;
  }

  /// Training that diverged.
  ///
  /// @param message one line: what is lost, and what to do
  /// @param cause null if there is none
  /// @return the exception
  public static TrainingException diverged(String message, @Nullable Throwable cause) {
    return new TrainingException(message, cause, true);
  }

  /// Whether values were no longer finite: an answer about the settings, where everything else is
  /// something to mend.
  ///
  /// @return true if training diverged
  public boolean diverged() {
    return diverged;
  }
}
