package asymml.trusted.train;

import asymml.kernels.SoftmaxCrossEntropy;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Sums over the steps of one epoch; part of a checkpoint, so that an epoch that was interrupted
/// ends with the same values.
///
/// @param batches done
/// @param images seen
/// @param lossSum loss summed over images
/// @param correct images classified right
/// @param seconds wall time
/// @param cost what the steps took
public record EpochTotals(
    int batches, long images, double lossSum, long correct, double seconds, Cost cost) {
  /// An epoch that has not begun.
  static final EpochTotals ZERO = new EpochTotals(0, 0, 0, 0, 0, new Cost(0, 0, 0, 0));

  /// What steps take beyond wall time.
  ///
  /// @param trustedCpuSeconds of this process
  /// @param workerCpuSeconds of the worker
  /// @param bytesToWorker tensor bytes released
  /// @param bytesFromWorker tensor bytes received
  public record Cost(
      double trustedCpuSeconds, double workerCpuSeconds, long bytesToWorker, long bytesFromWorker) {
    Cost plus(Cost other) {
      return new Cost(
          trustedCpuSeconds + other.trustedCpuSeconds,
          workerCpuSeconds + other.workerCpuSeconds,
          bytesToWorker + other.bytesToWorker,
          bytesFromWorker + other.bytesFromWorker);
    }

    Cost minus(Cost earlier) {
      return new Cost(
          trustedCpuSeconds - earlier.trustedCpuSeconds,
          workerCpuSeconds - earlier.workerCpuSeconds,
          bytesToWorker - earlier.bytesToWorker,
          bytesFromWorker - earlier.bytesFromWorker);
    }
  }

  /// Mean training loss.
  ///
  /// @return per image; null if none was counted
  public @Nullable Double meanLoss() {
    return images == 0 ? null : Double.valueOf(lossSum / images);
  }

  /// Training accuracy.
  ///
  /// @return 0 to 1; null if no image was counted
  public @Nullable Double accuracy() {
    return images == 0 ? null : Double.valueOf((double) correct / images);
  }

  /// Training speed.
  ///
  /// @return images a second
  public double imagesPerSecond() {
    return seconds > 0 ? images / seconds : 0;
  }

  EpochTotals plusStep(SoftmaxCrossEntropy.Result result, double stepSeconds) {
    return new EpochTotals(
        batches + 1,
        images + result.examples(),
        lossSum + result.lossSum(),
        correct + result.correct(),
        seconds + stepSeconds,
        cost);
  }

  /// Counts steps that were begun and lost.
  EpochTotals plusLost(int steps) {
    return new EpochTotals(batches + steps, images, lossSum, correct, seconds, cost);
  }

  EpochTotals withCost(Cost total) {
    return new EpochTotals(batches, images, lossSum, correct, seconds, total);
  }

  void save(Map<String, String> metadata) {
    metadata.put("epoch.batches", Integer.toString(batches));
    metadata.put("epoch.images", Long.toString(images));
    metadata.put("epoch.lossSum", Double.toString(lossSum));
    metadata.put("epoch.correct", Long.toString(correct));
    metadata.put("epoch.seconds", Double.toString(seconds));
    metadata.put("epoch.trustedCpuSeconds", Double.toString(cost.trustedCpuSeconds));
    metadata.put("epoch.workerCpuSeconds", Double.toString(cost.workerCpuSeconds));
    metadata.put("epoch.bytesToWorker", Long.toString(cost.bytesToWorker));
    metadata.put("epoch.bytesFromWorker", Long.toString(cost.bytesFromWorker));
  }

  static EpochTotals restore(Metadata metadata) {
    return new EpochTotals(
        metadata.smallNumber("epoch.batches"),
        metadata.number("epoch.images"),
        metadata.real("epoch.lossSum"),
        metadata.number("epoch.correct"),
        metadata.real("epoch.seconds"),
        new Cost(
            metadata.real("epoch.trustedCpuSeconds"),
            metadata.real("epoch.workerCpuSeconds"),
            metadata.number("epoch.bytesToWorker"),
            metadata.number("epoch.bytesFromWorker")));
  }
}
