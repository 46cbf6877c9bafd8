package asymml.session;

import java.time.Duration;
import java.util.Optional;
import java.util.function.LongSupplier;

/// Estimates the rest of a run from the wall time of what this process did, evaluation included.
/// The first step does not count: it loads and compiles.
public final class TimeLeft {
  private final LongSupplier nanoClock;
  private final int epochs;
  private long start;
  private long stepsDone;
  private long stepsAhead;
  private int batches;

  /// An estimate of a run that begins.
  ///
  /// @param nanoClock as [System#nanoTime]
  /// @param epochs of the whole run
  public TimeLeft(LongSupplier nanoClock, int epochs) {
    this.nanoClock = nanoClock;
    this.epochs = epochs;
  }

  /// An epoch begins.
  ///
  /// @param epoch from 1
  /// @param batchesOfEpoch at least 1
  /// @param firstBatch the number of batches that an earlier process did
  public void epochStarted(int epoch, int batchesOfEpoch, int firstBatch) {
    batches = batchesOfEpoch;
    stepsAhead = (long) (epochs - epoch + 1) * batches - firstBatch;
  }

  /// A step is done.
  public void stepDone() {
    if (stepsDone == 0) {
      start = nanoClock.getAsLong();
    }
    stepsDone++;
    stepsAhead--;
  }

  /// The time until the run ends.
  ///
  /// @return empty before the second step
  public Optional<Duration> left() {
    return stepsDone < 2
        ? Optional.empty()
        : Optional.of(
            Duration.ofNanos((nanoClock.getAsLong() - start) / (stepsDone - 1) * stepsAhead));
  }
}
