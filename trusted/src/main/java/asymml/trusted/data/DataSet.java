package asymml.trusted.data;

import asymml.trusted.draw.ValidationDraw;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A data set as opened, with the augmentation that suits its kind.
///
/// @param name what was opened, for reports: a file name or `generated:SEED`
/// @param train the training split
/// @param validation what was set aside of the training split; null if nothing was
/// @param test the test split, of the same shape and classes
/// @param normalization of the training split
/// @param flip whether mirroring keeps an image's class: yes for photographs, no for digits
/// @param cropPadding the suggested largest random shift in pixels
public record DataSet(
    String name,
    ImageSet train,
    @Nullable ImageSet validation,
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

  /// A data set of which nothing is set aside.
  ///
  /// @param name what was opened
  /// @param train the training split
  /// @param test the test split, of the same shape and classes
  /// @param normalization of the training split
  /// @param flip whether mirroring keeps an image's class
  /// @param cropPadding the suggested largest random shift in pixels
  public DataSet(
      String name,
      ImageSet train,
      ImageSet test,
      Normalization normalization,
      boolean flip,
      int cropPadding) {
    this(name, train, null, test, normalization, flip, cropPadding);
  }

  /// This data set with a part of the training images set aside, and with the normalisation of
  /// those that are left. Where images have groups, whole groups.
  ///
  /// @param share of each class, above 0 and below 1
  /// @param seed of the choice
  /// @return a data set with [#validation]
  /// @throws IllegalArgumentException if there are too few images
  public DataSet withValidation(double share, long seed) {
    int[] labels = IntStream.range(0, train.size()).map(train::label).toArray();
    long @Nullable [] groups = train.groups();
    DataSet split =
        withoutPlaces(
            groups == null
                ? ValidationDraw.ofClasses(labels, share, seed)
                : ValidationDraw.ofGroups(labels, groups, share, seed));
    return new DataSet(
        name,
        split.train,
        split.validation,
        test,
        Normalization.of(split.train),
        flip,
        cropPadding);
  }

  /// The same without regard to classes: whether an image is trained on follows from its place, or
  /// its group, and no other image. The normalisation is still that of all.
  ///
  /// @param share of the training images, above 0 and below 1
  /// @param seed of the choice
  /// @return a data set with [#validation]
  /// @throws IllegalArgumentException if there are too few images
  public DataSet withIndependentValidation(double share, long seed) {
    long @Nullable [] groups = train.groups();
    return withoutPlaces(
        groups == null
            ? ValidationDraw.ofPlaces(train.size(), share, seed)
            : ValidationDraw.ofGroups(groups, share, seed));
  }

  private DataSet withoutPlaces(int[] places) {
    boolean[] aside = new boolean[train.size()];
    for (int place : places) {
      aside[place] = true;
    }
    int[] rest = IntStream.range(0, train.size()).filter(i -> !aside[i]).toArray();
    return new DataSet(
        name, train.view(rest), train.view(places), test, normalization, flip, cropPadding);
  }

  /// What is evaluated after an epoch.
  ///
  /// @return the validation images, or where there are none the test images
  public ImageSet heldOut() {
    return validation == null ? test : validation;
  }

  /// The images that are left out of either split because they are damaged: PRIVATE.
  ///
  /// @return how each is called; empty unless images are left out ([Decoding.OnBadImage#SKIP])
  public List<String> leftOut() {
    return Stream.concat(train.leftOut().stream(), test.leftOut().stream()).toList();
  }

  /// This data set with other training images of the same shape and classes.
  ///
  /// @param train the training split
  /// @return a data set with the normalisation of this one
  public DataSet withTrain(ImageSet train) {
    return new DataSet(name, train, validation, test, normalization, flip, cropPadding);
  }

  /// The suggested augmentation of training images.
  ///
  /// @return [#flip] and [#cropPadding], or random parts where images were opened for them
  public Augmentation augmentation() {
    Augmentation usual = new Augmentation(flip, cropPadding);
    return train.cutsAtRandom() ? usual.withRandomCrops() : usual;
  }
}
