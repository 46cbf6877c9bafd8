package asymml.session;

import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.TrainConfig;
import org.jspecify.annotations.Nullable;

/// The data of a run in words.
///
/// @param training what is computed on them
/// @param data the splits
/// @param copies training images that were left out because others have the same pixels
/// @param tested test images that are training images too
/// @param validated validation images that are training images too
record DataWords(TrainConfig training, DataSet data, int copies, int tested, int validated) {
  /// Compares the splits.
  ///
  /// @param training what is computed
  /// @param opened all images
  /// @param data those of the run
  static DataWords of(TrainConfig training, DataSet opened, DataSet data) {
    @Nullable ImageSet validation = data.validation();
    int aside = validation == null || opened.validation() != null ? 0 : validation.size();
    return new DataWords(
        training,
        data,
        opened.train().size() - data.train().size() - aside,
        data.test().isElsewhere() ? 0 : data.test().sharedWith(data.train()),
        validation == null ? 0 : validation.sharedWith(data.train()));
  }

  /// All that is to be known before training.
  ///
  /// @return one line
  String all() {
    String once =
        copies == 0
            ? ""
            : "; %s %s left out, since each image counts once"
                .formatted(copies, copies == 1 ? "copy of another is" : "copies of others are");
    return sizes()
        + (data.leftOut().isEmpty() ? "" : "; " + ImageSet.describeLeftOut(data.leftOut()))
        + once
        + leaked("test", tested)
        + leaked("validation", validated)
        + oneStep()
        + measuring();
  }

  private static String leaked(String split, int images) {
    return images == 0
        ? ""
        : "; WARNING: %s of the %s images %s among the training images too, so that %s accuracy is too high"
            .formatted(images, split, images == 1 ? "is" : "are", split);
  }

  private String oneStep() {
    DpSgd dpSgd = training.privacy().dpSgd();
    int batch = dpSgd == null ? training.batchSize() : dpSgd.logicalBatchSize();
    return batch <= data.train().size()
        ? ""
        : "; an epoch is one step, since the batch size of %s is more".formatted(batch);
  }

  /// What validation images are for in a run that is accounted for.
  private String measuring() {
    return data.validation() != null && !training.choosesBest()
        ? "; validation images choose no model, which would be a release: that of the last epoch is"
            + " the run's"
        : "";
  }

  /// What says nothing of the contents.
  ///
  /// @return one line
  String sizes() {
    return "%s: %s training%s and %s test images of %s, %s classes"
        .formatted(
            data.name(),
            data.train().size(),
            data.validation() == null ? "" : ", %s validation".formatted(data.validation().size()),
            data.test().size(),
            data.train().shape(),
            data.train().classNames().size());
  }
}
