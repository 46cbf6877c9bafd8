package asymml.trusted.data;

/// How training images are varied: a random left-right flip and a random shift.
///
/// The shift is the usual padded crop: the normalised image is padded by zeros, that is by the mean
/// colour of the training split, and a window of the original size is cut out.
///
/// @param flip whether half of the images are mirrored
/// @param cropPadding the largest shift in pixels in each direction, at least 0
public record Augmentation(boolean flip, int cropPadding) {
  /// Checks the range above.
  public Augmentation {
    if (cropPadding < 0) {
      throw new IllegalArgumentException("crop padding is at least 0: " + cropPadding);
    }
  }

  /// The same without shifts.
  ///
  /// @return flips, if there are flips
  public Augmentation flipsOnly() {
    return new Augmentation(flip, 0);
  }

  /// No variation, as for evaluation.
  ///
  /// @return neither flip nor shift
  public static Augmentation none() {
    return new Augmentation(false, 0);
  }
}
