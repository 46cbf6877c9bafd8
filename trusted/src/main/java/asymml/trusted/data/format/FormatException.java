package asymml.trusted.data.format;

/// A file that is damaged, or of a kind that is not read. The message says what is wrong and how to
/// mend it, and follows the file's name.
public final class FormatException extends Exception {
  private static final long serialVersionUID = 1L;

  /// A file's fault.
  ///
  /// @param message the rest of a line that begins with the file's name
  public FormatException(String message) {
    super(message);
  }

  /// The message.
  ///
  /// @return never null
  public String reason() {
    return String.valueOf(getMessage());
  }
}
