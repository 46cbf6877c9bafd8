package asymml.cli;

import java.time.Duration;
import java.util.function.LongSupplier;

/// Estimates the rest of a run from the wall time of what was done since the process began to
/// train, evaluation included.
final class TimeLeft {
  private final LongSupplier nanoClock;
  private final int epochs;
  private final long start;
  private long stepsDone;
  private long stepsAhead;
  private int batches;

  /// @param nanoClock as [System#nanoTime]
  /// @param epochs of the whole run
  TimeLeft(LongSupplier nanoClock, int epochs) {
    this.nanoClock = nanoClock;
    this.epochs = epochs;
    this.start = nanoClock.getAsLong();
  }

  void epochStarted(int epoch, int batchesOfEpoch, int firstBatch) {
    batches = batchesOfEpoch;
    stepsAhead = (long) (epochs - epoch + 1) * batches - firstBatch;
  }

  void stepDone() {
    stepsDone++;
    stepsAhead--;
  }

  /// The time until the run ends, 0 before the first step.
  Duration left() {
    return stepsDone == 0
        ? Duration.ZERO
        : Duration.ofNanos((nanoClock.getAsLong() - start) / stepsDone * stepsAhead);
  }
}
