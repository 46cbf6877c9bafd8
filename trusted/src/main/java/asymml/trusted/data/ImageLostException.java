package asymml.trusted.data;

/// An image that could be decoded when the data set was opened, and cannot be any more. The message
/// is one line for the user, as that of a [DataException].
public final class ImageLostException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  ImageLostException(DataException cause) {
    this("an image changed while it was in use: " + cause.getMessage(), cause);
  }

  private ImageLostException(String message, Throwable cause) {
    super(message, cause);
  }

  /// The same failure where the images before it were left out.
  ///
  /// @param lost how many, with this one
  /// @param images of the split
  ImageLostException beyond(int lost, int images) {
    return new ImageLostException(
        "%s (%s of these %s images cannot be used, and more than one in %s are not left out)"
            .formatted(getMessage(), lost, images, ImageSet.MOST_LEFT_OUT),
        this);
  }
}
