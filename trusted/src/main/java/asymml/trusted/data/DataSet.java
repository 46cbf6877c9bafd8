package asymml.trusted.data;

/// A data set as opened, with the augmentation that suits its kind.
///
/// @param name what was opened, for reports: a file name or `generated:SEED`
/// @param train the training split
/// @param test the test split, of the same shape and classes
/// @param normalization of the training split
/// @param flip whether mirroring keeps an image's class: yes for photographs, no for digits
/// @param cropPadding the suggested largest random shift in pixels
public record DataSet(
    String name,
    ImageSet train,
    ImageSet test,
    Normalization normalization,
    boolean flip,
    int cropPadding) {
  /// Checks that the splits fit together.
  public DataSet {
    if (!train.shape().equals(test.shape()) || !train.classNames().equals(test.classNames())) {
      throw new IllegalArgumentException(
          "the splits differ in shape or classes: train " + train + ", test " + test);
    }
    if (cropPadding < 0) {
      throw new IllegalArgumentException("crop padding is at least 0: " + cropPadding);
    }
  }

  /// This data set with other training images of the same shape and classes.
  ///
  /// @param train the training split
  /// @return a data set with the normalisation of this one
  public DataSet withTrain(ImageSet train) {
    return new DataSet(name, train, test, normalization, flip, cropPadding);
  }

  /// The suggested augmentation of training images.
  ///
  /// @return [#flip] and [#cropPadding], or random parts where images were opened for them
  public Augmentation augmentation() {
    Augmentation usual = new Augmentation(flip, cropPadding);
    return train.cutsAtRandom() ? usual.withRandomCrops() : usual;
  }
}
