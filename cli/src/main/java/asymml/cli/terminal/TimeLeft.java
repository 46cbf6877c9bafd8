package asymml.cli.terminal;

import java.time.Duration;
import java.util.Optional;
import java.util.function.LongSupplier;

/// Estimates the rest of a run from the wall time of what this process did, evaluation included.
/// The first step does not count: it loads and compiles.
final class TimeLeft {
  private final LongSupplier nanoClock;
  private final int epochs;
  private long start;
  private long stepsDone;
  private long stepsAhead;
  private int batches;

  /// @param nanoClock as [System#nanoTime]
  /// @param epochs of the whole run
  TimeLeft(LongSupplier nanoClock, int epochs) {
    this.nanoClock = nanoClock;
    this.epochs = epochs;
  }

  void epochStarted(int epoch, int batchesOfEpoch, int firstBatch) {
    batches = batchesOfEpoch;
    stepsAhead = (long) (epochs - epoch + 1) * batches - firstBatch;
  }

  void stepDone() {
    if (stepsDone == 0) {
      start = nanoClock.getAsLong();
    }
    stepsDone++;
    stepsAhead--;
  }

  /// The time until the run ends; unknown before the second step.
  Optional<Duration> left() {
    return stepsDone < 2
        ? Optional.empty()
        : Optional.of(
            Duration.ofNanos((nanoClock.getAsLong() - start) / (stepsDone - 1) * stepsAhead));
  }
}
