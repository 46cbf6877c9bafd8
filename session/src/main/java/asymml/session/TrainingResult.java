package asymml.session;

import asymml.privacy.PrivacyStatement;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Trainer;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// How a session ended.
///
/// @param outcome why it ended
/// @param epochs metrics of the epochs that are done, over all sessions of the run
/// @param statement what the run has cost so far; null if it releases nothing
/// @param layout where the run is
public record TrainingResult(
    Trainer.Outcome outcome,
    List<EpochMetrics> epochs,
    @Nullable PrivacyStatement statement,
    RunLayout layout) {
  /// What is to be said where no worker is.
  static final List<String> NOTHING_RELEASED =
      List.of(
          "nothing is released by the trusted process; the trained model itself is not protected");

  /// Copies the list.
  public TrainingResult {
    epochs = List.copyOf(epochs);
  }

  /// The last epoch that is done.
  ///
  /// @return its metrics
  /// @throws IllegalStateException if none is
  public EpochMetrics lastEpoch() {
    if (epochs.isEmpty()) {
      throw new IllegalStateException("no epoch is complete yet");
    }
    return epochs.getLast();
  }

  /// The accuracy on the test images after the last epoch.
  ///
  /// @return 0 to 1
  /// @throws IllegalStateException if no epoch is complete, or the run has validation images: then
  ///   test images are for [TrainedRun#evaluate]
  public double testAccuracy() {
    @Nullable Double accuracy = lastEpoch().testAccuracy();
    if (accuracy == null) {
      throw new IllegalStateException(
          "a run with validation images does not look at test images: evaluate its model");
    }
    return accuracy;
  }

  /// The epoch with the best validation accuracy.
  ///
  /// @return its metrics; empty in a run without validation images
  public Optional<EpochMetrics> bestEpoch() {
    return EpochMetrics.best(epochs);
  }

  /// What the run has released so far, and what that guarantees.
  ///
  /// @return a line each
  public List<String> privacy() {
    return statement == null ? NOTHING_RELEASED : statement.lines();
  }
}
