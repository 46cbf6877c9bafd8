package asymml.trusted.data;

/// An image that could be decoded when the data set was opened, and cannot be any more. The message
/// is one line for the user, as that of a [DataException].
public final class ImageLostException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  ImageLostException(DataException cause) {
    super("an image changed while it was in use: " + cause.getMessage(), cause);
  }
}
