package asymml.trusted.data;

/// How training images are varied: a random left-right flip and a random shift.
///
/// The shift is the usual padded crop: the normalised image is padded by zeros, that is by the mean
/// colour of the training split, and a window of the original size is cut out.
///
/// @param flip whether half of the images are mirrored; of several views of an image, every second
/// @param cropPadding the largest shift in pixels in each direction, at least 0
/// @param views how many views of each image there are, at least 1, with consecutive places in the
///   batch
public record Augmentation(boolean flip, int cropPadding, int views) {
  /// Checks the ranges above.
  public Augmentation {
    if (cropPadding < 0) {
      throw new IllegalArgumentException("crop padding is at least 0: " + cropPadding);
    }
    if (views < 1) {
      throw new IllegalArgumentException("an image has at least 1 view: " + views);
    }
  }

  /// Variation of one view of each image.
  ///
  /// @param flip whether half of the images are mirrored
  /// @param cropPadding the largest shift in pixels in each direction, at least 0
  public Augmentation(boolean flip, int cropPadding) {
    this(flip, cropPadding, 1);
  }

  /// The same of several views.
  ///
  /// @param count how many of each image, at least 1
  /// @return these
  public Augmentation withViews(int count) {
    return new Augmentation(flip, cropPadding, count);
  }

  /// The same without shifts.
  ///
  /// @return flips, if there are flips
  public Augmentation flipsOnly() {
    return new Augmentation(flip, 0, views);
  }

  /// As it stands in checkpoints, those of earlier versions among them.
  @Override
  public String toString() {
    return "Augmentation[flip=%s, cropPadding=%s%s]"
        .formatted(flip, cropPadding, views == 1 ? "" : ", views=" + views);
  }

  /// No variation, as for evaluation.
  ///
  /// @return neither flip nor shift
  public static Augmentation none() {
    return new Augmentation(false, 0);
  }
}
