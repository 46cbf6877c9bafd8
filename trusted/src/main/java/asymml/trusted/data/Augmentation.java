package asymml.trusted.data;

import asymml.model.Graph;

/// How training images are varied: a random left-right flip, and a random shift or a random part.
///
/// The shift is the usual padded crop: the normalised image is padded by zeros, that is by the mean
/// colour of the training split, and a window of the original size is cut out.
///
/// @param flip whether half of the images are mirrored; of several views of an image, every second
/// @param cropPadding the largest shift in pixels in each direction, at least 0
/// @param views how many views of each image there are, at least 1, with consecutive places in the
///   batch
/// @param randomCrop whether each view is another part of the image as it is stored, scaled to the
///   size of all: area and ratio are those of `RandomResizedCrop` of torchvision
public record Augmentation(boolean flip, int cropPadding, int views, boolean randomCrop) {
  /// Checks the ranges above.
  public Augmentation {
    if (cropPadding < 0) {
      throw new IllegalArgumentException("crop padding is at least 0: " + cropPadding);
    }
    if (views < 1) {
      throw new IllegalArgumentException("an image has at least 1 view: " + views);
    }
    if (randomCrop && cropPadding > 0) {
      throw new IllegalArgumentException("images are shifted or cut at random, not both");
    }
  }

  /// Variation of one view of each image.
  ///
  /// @param flip whether half of the images are mirrored
  /// @param cropPadding the largest shift in pixels in each direction, at least 0
  public Augmentation(boolean flip, int cropPadding) {
    this(flip, cropPadding, 1, false);
  }

  /// The same of several views.
  ///
  /// @param count how many of each image, at least 1
  /// @return these
  public Augmentation withViews(int count) {
    return new Augmentation(flip, cropPadding, count, randomCrop);
  }

  /// The same with random parts in the place of shifts.
  ///
  /// @return these
  public Augmentation withRandomCrops() {
    return new Augmentation(flip, 0, views, true);
  }

  /// What of it a network can have. Scattering features are computed once: those of a shifted image
  /// would have to be computed anew.
  ///
  /// @param graph the network
  /// @return without shifts and random parts, if the network begins with a scattering transform
  public Augmentation suiting(Graph graph) {
    return graph.beginsWithScattering() ? new Augmentation(flip, 0, views, false) : this;
  }

  /// Whether two views of an image can differ.
  ///
  /// @return false if there are no flips, shifts and random parts
  public boolean varies() {
    return flip || cropPadding > 0 || randomCrop;
  }

  /// As it stands in checkpoints, those of earlier versions among them.
  @Override
  public String toString() {
    return "Augmentation[flip=%s, cropPadding=%s%s%s]"
        .formatted(
            flip,
            cropPadding,
            views == 1 ? "" : ", views=" + views,
            randomCrop ? ", randomCrop" : "");
  }

  /// No variation, as for evaluation.
  ///
  /// @return neither flip nor shift
  public static Augmentation none() {
    return new Augmentation(false, 0);
  }
}
