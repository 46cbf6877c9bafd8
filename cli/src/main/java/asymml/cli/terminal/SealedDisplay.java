package asymml.cli.terminal;

import asymml.report.EpochLine;
import asymml.report.Figures;
import asymml.session.TimeLeft;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.TrainListener;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Optional;
import java.util.function.LongSupplier;

/// Lines for runs on sealed data, whose output is not their owner's: how far training is, and
/// nothing that follows from the data.
public final class SealedDisplay implements TrainListener {
  private static final long EVERY_NANOS = 10_000_000_000L;

  private final PrintWriter out;
  private final LongSupplier nanoClock;
  private final int epochs;
  private final TimeLeft timeLeft;
  private int epoch;
  private int batches;
  private long shown;

  /// Shows a run.
  ///
  /// @param out gets the lines
  /// @param epochs of the whole run
  /// @param nanoClock as [System#nanoTime]
  public SealedDisplay(PrintWriter out, int epochs, LongSupplier nanoClock) {
    this.out = out;
    this.nanoClock = nanoClock;
    this.epochs = epochs;
    timeLeft = new TimeLeft(nanoClock, epochs);
    shown = nanoClock.getAsLong();
  }

  @Override
  public void stepsSkipped(long steps) {
    show(EpochLine.skipped(steps));
  }

  @Override
  public void epochStarted(int epoch, int batches, int firstBatch) {
    this.epoch = epoch;
    this.batches = batches;
    timeLeft.epochStarted(epoch, batches, firstBatch);
  }

  @Override
  public void stepDone(EpochTotals totals) {
    timeLeft.stepDone();
    if (nanoClock.getAsLong() - shown >= EVERY_NANOS) {
      Optional<Duration> left = timeLeft.left();
      show(
          "epoch %s/%s, step %s/%s, %s left"
              .formatted(
                  epoch, epochs, totals.batches(), batches, left.map(Figures::time).orElse("?")));
    }
  }

  @Override
  public void epochDone(EpochMetrics metrics) {
    show("epoch %s/%s: done, metrics sealed".formatted(metrics.epoch(), epochs));
  }

  private void show(String line) {
    out.println(line);
    out.flush();
    shown = nanoClock.getAsLong();
  }
}
