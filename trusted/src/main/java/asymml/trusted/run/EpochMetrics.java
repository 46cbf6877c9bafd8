package asymml.trusted.run;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What one epoch of training came to; a line of `metrics.jsonl` has these names in this order.
///
/// Losses are means over examples, accuracies are shares from 0 to 1. All numbers are finite.
///
/// @param epoch the epoch from 1
/// @param step optimiser steps taken since the run began
/// @param trainLoss mean loss of the epoch's batches, with label smoothing where used; null if all
///   of them were lost when a run was killed
/// @param trainAccuracy share of the epoch's examples classified right as they were trained on;
///   null together with the loss
/// @param testLoss mean loss on the test split after the epoch; null, and not written, where
///   validation images are evaluated instead
/// @param testAccuracy share of the test split classified right; null together with the loss
/// @param learningRate of the epoch's last step
/// @param imagesPerSecond training examples per second of the epoch's training time
/// @param trustedCpuSeconds processor time of the trusted process in the epoch
/// @param workerCpuSeconds processor time of the worker in the epoch
/// @param bytesToWorker sent to the worker in the epoch
/// @param bytesFromWorker received from the worker in the epoch
/// @param validationLoss mean loss on the images that were set aside for validation; null, and not
///   written, where there are none
/// @param validationAccuracy share of them classified right; null together with the loss
/// @param imagesLeftOut damaged images that the run has left out so far; null, and not written,
///   where there are none
public record EpochMetrics(
    int epoch,
    long step,
    @Nullable Double trainLoss,
    @Nullable Double trainAccuracy,
    @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Double testLoss,
    @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Double testAccuracy,
    double learningRate,
    double imagesPerSecond,
    double trustedCpuSeconds,
    double workerCpuSeconds,
    long bytesToWorker,
    long bytesFromWorker,
    @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Double validationLoss,
    @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Double validationAccuracy,
    @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Integer imagesLeftOut) {
  /// The components that a line may lack.
  static final List<String> OPTIONAL =
      List.of("testLoss", "testAccuracy", "validationLoss", "validationAccuracy", "imagesLeftOut");

  /// Checks that all numbers are finite and in range.
  ///
  /// @throws IllegalArgumentException naming the value, if one is not
  public EpochMetrics {
    atLeast(1, "epoch", epoch);
    atLeast(0, "step", step);
    pair("train", trainLoss, trainAccuracy);
    pair("test", testLoss, testAccuracy);
    pair("validation", validationLoss, validationAccuracy);
    if ((testLoss == null) == (validationLoss == null)) {
      throw new IllegalArgumentException(
          "metrics testLoss and validationLoss: one of them is known, and not both");
    }
    notNegative("learningRate", learningRate);
    notNegative("imagesPerSecond", imagesPerSecond);
    notNegative("trustedCpuSeconds", trustedCpuSeconds);
    notNegative("workerCpuSeconds", workerCpuSeconds);
    atLeast(0, "bytesToWorker", bytesToWorker);
    atLeast(0, "bytesFromWorker", bytesFromWorker);
    if (imagesLeftOut != null) {
      atLeast(1, "imagesLeftOut", imagesLeftOut);
    }
  }

  /// The metrics of an epoch of a run that leaves no image out.
  ///
  /// @param epoch the epoch from 1
  /// @param step optimiser steps taken since the run began
  /// @param trainLoss mean loss of the epoch's batches, or null
  /// @param trainAccuracy share of the epoch's examples classified right, or null
  /// @param testLoss mean loss on the test split, or null
  /// @param testAccuracy share of the test split classified right, or null
  /// @param learningRate of the epoch's last step
  /// @param imagesPerSecond training examples per second
  /// @param trustedCpuSeconds processor time of the trusted process
  /// @param workerCpuSeconds processor time of the worker
  /// @param bytesToWorker sent to the worker
  /// @param bytesFromWorker received from the worker
  /// @param validationLoss mean loss on validation images, or null
  /// @param validationAccuracy share of them classified right, or null
  public EpochMetrics(
      int epoch,
      long step,
      @Nullable Double trainLoss,
      @Nullable Double trainAccuracy,
      @Nullable Double testLoss,
      @Nullable Double testAccuracy,
      double learningRate,
      double imagesPerSecond,
      double trustedCpuSeconds,
      double workerCpuSeconds,
      long bytesToWorker,
      long bytesFromWorker,
      @Nullable Double validationLoss,
      @Nullable Double validationAccuracy) {
    this(
        epoch,
        step,
        trainLoss,
        trainAccuracy,
        testLoss,
        testAccuracy,
        learningRate,
        imagesPerSecond,
        trustedCpuSeconds,
        workerCpuSeconds,
        bytesToWorker,
        bytesFromWorker,
        validationLoss,
        validationAccuracy,
        null);
  }

  /// The metrics of an epoch after which the test images were evaluated.
  ///
  /// @param epoch the epoch from 1
  /// @param step optimiser steps taken since the run began
  /// @param trainLoss mean loss of the epoch's batches, or null
  /// @param trainAccuracy share of the epoch's examples classified right, or null
  /// @param testLoss mean loss on the test split
  /// @param testAccuracy share of the test split classified right
  /// @param learningRate of the epoch's last step
  /// @param imagesPerSecond training examples per second
  /// @param trustedCpuSeconds processor time of the trusted process
  /// @param workerCpuSeconds processor time of the worker
  /// @param bytesToWorker sent to the worker
  /// @param bytesFromWorker received from the worker
  public EpochMetrics(
      int epoch,
      long step,
      @Nullable Double trainLoss,
      @Nullable Double trainAccuracy,
      double testLoss,
      double testAccuracy,
      double learningRate,
      double imagesPerSecond,
      double trustedCpuSeconds,
      double workerCpuSeconds,
      long bytesToWorker,
      long bytesFromWorker) {
    this(
        epoch,
        step,
        trainLoss,
        trainAccuracy,
        (Double) testLoss,
        (Double) testAccuracy,
        learningRate,
        imagesPerSecond,
        trustedCpuSeconds,
        workerCpuSeconds,
        bytesToWorker,
        bytesFromWorker,
        null,
        null);
  }

  /// Which images were evaluated after the epoch.
  ///
  /// @return `validation` or `test`
  public String heldOut() {
    return validationLoss == null ? "test" : "validation";
  }

  /// The mean loss on [#heldOut].
  ///
  /// @return finite
  public double heldOutLoss() {
    return known(validationLoss, testLoss);
  }

  /// The share of [#heldOut] that was classified right.
  ///
  /// @return 0 to 1
  public double heldOutAccuracy() {
    return known(validationAccuracy, testAccuracy);
  }

  private static double known(@Nullable Double first, @Nullable Double second) {
    if (first != null) {
      return first;
    }
    if (second != null) {
      return second;
    }
    throw new IllegalStateException("one of the two is known: the constructor checks it");
  }

  /// The epoch with the best validation accuracy; of equals the one with the smallest validation
  /// loss, and of these the first.
  ///
  /// @param epochs of a run
  /// @return empty if none was validated
  public static Optional<EpochMetrics> best(List<EpochMetrics> epochs) {
    return epochs.stream()
        .filter(epoch -> epoch.validationLoss != null)
        .min(
            Comparator.comparingDouble((EpochMetrics epoch) -> -epoch.heldOutAccuracy())
                .thenComparingDouble(EpochMetrics::heldOutLoss)
                .thenComparingInt(EpochMetrics::epoch));
  }

  private static void pair(String name, @Nullable Double loss, @Nullable Double accuracy) {
    if ((loss == null) != (accuracy == null)) {
      throw new IllegalArgumentException(
          "metrics %sLoss and %sAccuracy are both known or both not".formatted(name, name));
    }
    if (loss != null && accuracy != null) {
      finite(name + "Loss", loss);
      share(name + "Accuracy", accuracy);
    }
  }

  // The messages name the metric and the rule only: a loss is a statistic of private data.
  private static void atLeast(long least, String name, long value) {
    if (value < least) {
      throw new IllegalArgumentException("metric " + name + " must be at least " + least);
    }
  }

  private static void finite(String name, double value) {
    if (!Double.isFinite(value)) {
      throw new IllegalArgumentException(
          "metric " + name + " must be finite, it is NaN or infinite");
    }
  }

  private static void notNegative(String name, double value) {
    finite(name, value);
    if (value < 0) {
      throw new IllegalArgumentException("metric " + name + " must be at least 0");
    }
  }

  private static void share(String name, double value) {
    finite(name, value);
    if (value < 0 || value > 1) {
      throw new IllegalArgumentException("metric " + name + " must be from 0 to 1");
    }
  }
}
