package asymml.report;

import asymml.trusted.run.EpochMetrics;
import asymml.trusted.train.EpochTotals;
import java.time.Duration;
import java.util.Optional;

/// What is shown of epochs, in one line each.
public final class EpochLine {
  private EpochLine() {}

  /// A finished epoch.
  ///
  /// @param m what it came to
  /// @param epochs of the whole run
  /// @return one line
  public static String of(EpochMetrics m, int epochs) {
    return "epoch %s/%s: train loss %s, accuracy %s; %s loss %s, accuracy %s; %s%s"
        .formatted(
            m.epoch(),
            epochs,
            Figures.loss(m.trainLoss()),
            Figures.percent(m.trainAccuracy()),
            m.heldOut(),
            Figures.loss(m.heldOutLoss()),
            Figures.percent(m.heldOutAccuracy()),
            Figures.speed(m.imagesPerSecond()),
            m.bytesToWorker() == 0
                ? ""
                : "; worker: sent %s, received %s"
                    .formatted(
                        Figures.bytes(m.bytesToWorker()), Figures.bytes(m.bytesFromWorker())));
  }

  /// Steps of a run that was killed.
  ///
  /// @param steps after its last checkpoint, at least 1
  /// @return one line
  public static String skipped(long steps) {
    return "resumed  %s %s after the last checkpoint counted as released, and not repeated"
        .formatted(steps, steps == 1 ? "step is" : "steps are");
  }

  /// An epoch under way.
  ///
  /// @param totals so far
  /// @param left until the end of the run, if it is known
  /// @return part of a line
  public static String of(EpochTotals totals, Optional<Duration> left) {
    return "%s, loss %s, accuracy %s, %s left"
        .formatted(
            Figures.speed(totals.imagesPerSecond()),
            Figures.loss(totals.meanLoss()),
            Figures.percent(totals.accuracy()),
            left.map(Figures::time).orElse("?"));
  }
}
