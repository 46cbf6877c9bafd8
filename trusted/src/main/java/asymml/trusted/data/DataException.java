package asymml.trusted.data;

/// A data set that cannot be used. The message is one line for the user: which file, what is wrong
/// with it, how to mend it. It may name files, classes and sizes, never pixels or labels.
public final class DataException extends Exception {
  private static final long serialVersionUID = 1L;

  /// Which setting would do instead.
  private enum Kind {
    NONE,
    LIMIT,
    SIZE,
    RANGE,
    MEMORY
  }

  private final Kind kind;

  /// A fault found in the data itself.
  ///
  /// @param message one line as described above
  public DataException(String message) {
    super(message);
    kind = Kind.NONE;
  }

  /// A fault reported by the system or a decoder.
  ///
  /// @param message one line as described above
  /// @param cause what reported it
  public DataException(String message, Throwable cause) {
    super(message, cause);
    kind = Kind.NONE;
  }

  /// The same fault, with more to say.
  DataException with(String more) {
    DataException longer = new DataException(getMessage() + more, kind);
    longer.initCause(this);
    return longer;
  }

  private DataException(String message, Kind kind) {
    super(message);
    this.kind = kind;
  }

  /// Whether a setting would do instead of mending the data.
  boolean isOfSettings() {
    return kind != Kind.NONE;
  }

  /// An image beyond [DataLimits#imagePixels].
  static DataException tooLarge(String message) {
    return new DataException(message, Kind.LIMIT);
  }

  /// Whether a higher [DataLimits#imagePixels] would do, so that a program can say how to set it.
  ///
  /// @return false if the data themselves are to be mended
  public boolean isAboveLimit() {
    return kind == Kind.LIMIT;
  }

  /// An image of another size than the others.
  static DataException ofAnotherSize(String message) {
    return new DataException(message, Kind.SIZE);
  }

  /// Samples of 16 bits that use a small part of their range.
  static DataException ofNarrowRange(String message) {
    return new DataException(message, Kind.RANGE);
  }

  /// More images than the Java heap can hold. The message names no file but the data set itself.
  static DataException ofTooMuchMemory(String message) {
    return new DataException(message, Kind.MEMORY);
  }

  /// Whether more memory, or fewer or smaller images, would do.
  ///
  /// @return false if the data themselves are to be mended
  public boolean isOfTooMuchMemory() {
    return kind == Kind.MEMORY;
  }

  /// Whether a window of samples ([Decoding#window]) would do, so that a program can say how to set
  /// it.
  ///
  /// @return false if the data themselves are to be mended
  public boolean isOfNarrowRange() {
    return kind == Kind.RANGE;
  }

  /// Whether the images could be scaled to one size ([Decoding#imageSize]), so that a program can
  /// say how to set it.
  ///
  /// @return false if the data themselves are to be mended
  public boolean isOfAnotherSize() {
    return kind == Kind.SIZE;
  }
}
