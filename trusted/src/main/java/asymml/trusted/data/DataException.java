package asymml.trusted.data;

/// A data set that cannot be used. The message is one line for the user: which file, what is wrong
/// with it, how to mend it. It may name files, classes and sizes, never pixels or labels.
public final class DataException extends Exception {
  private static final long serialVersionUID = 1L;

  /// A fault found in the data itself.
  ///
  /// @param message one line as described above
  public DataException(String message) {
    super(message);
  }

  /// A fault reported by the system or a decoder.
  ///
  /// @param message one line as described above
  /// @param cause what reported it
  public DataException(String message, Throwable cause) {
    super(message, cause);
  }
}
