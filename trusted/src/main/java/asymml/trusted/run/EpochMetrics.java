package asymml.trusted.run;

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
/// @param testLoss mean loss on the test split after the epoch
/// @param testAccuracy share of the test split classified right
/// @param learningRate of the epoch's last step
/// @param imagesPerSecond training examples per second of the epoch's training time
/// @param trustedCpuSeconds processor time of the trusted process in the epoch
/// @param workerCpuSeconds processor time of the worker in the epoch
/// @param bytesToWorker sent to the worker in the epoch
/// @param bytesFromWorker received from the worker in the epoch
public record EpochMetrics(
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
  /// Checks that all numbers are finite and in range.
  ///
  /// @throws IllegalArgumentException naming the value, if one is not
  public EpochMetrics {
    atLeast(1, "epoch", epoch);
    atLeast(0, "step", step);
    if ((trainLoss == null) != (trainAccuracy == null)) {
      throw new IllegalArgumentException(
          "metrics trainLoss and trainAccuracy are both known or both not");
    }
    if (trainLoss != null && trainAccuracy != null) {
      finite("trainLoss", trainLoss);
      share("trainAccuracy", trainAccuracy);
    }
    finite("testLoss", testLoss);
    share("testAccuracy", testAccuracy);
    notNegative("learningRate", learningRate);
    notNegative("imagesPerSecond", imagesPerSecond);
    notNegative("trustedCpuSeconds", trustedCpuSeconds);
    notNegative("workerCpuSeconds", workerCpuSeconds);
    atLeast(0, "bytesToWorker", bytesToWorker);
    atLeast(0, "bytesFromWorker", bytesFromWorker);
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
