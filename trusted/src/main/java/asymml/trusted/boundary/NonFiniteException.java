package asymml.trusted.boundary;

/// Values to be released are NaN or infinite: training diverged. The message holds none of them.
public final class NonFiniteException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /// Creates an exception.
  public NonFiniteException() {
    super("the activations are no longer finite");
  }
}
