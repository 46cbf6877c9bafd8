package asymml.cli.terminal;

import asymml.report.EpochLine;
import asymml.session.TimeLeft;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.TrainConfig;
import java.io.PrintWriter;
import java.util.function.LongSupplier;

/// Lines for files and pipes: one per epoch, and one at most every ten seconds in between.
final class PlainDisplay implements TrainDisplay {
  private static final long EVERY_NANOS = 10_000_000_000L;

  private final PrintWriter out;
  private final LongSupplier nanoClock;
  private final int epochs;
  private final TimeLeft timeLeft;
  private int epoch;
  private int batches;
  private long shown;

  PlainDisplay(PrintWriter out, TrainConfig config, LongSupplier nanoClock) {
    this.out = out;
    this.nanoClock = nanoClock;
    epochs = config.epochs();
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
    if (isDue()) {
      show(
          "epoch %s/%s, step %s/%s: %s"
              .formatted(
                  epoch, epochs, totals.batches(), batches, EpochLine.of(totals, timeLeft.left())));
    }
  }

  @Override
  public void evaluated(int done, int total) {
    if (isDue()) {
      show("epoch %s/%s, test image %s/%s".formatted(epoch, epochs, done, total));
    }
  }

  @Override
  public void epochDone(EpochMetrics metrics) {
    show(EpochLine.of(metrics, epochs));
  }

  private boolean isDue() {
    return nanoClock.getAsLong() - shown >= EVERY_NANOS;
  }

  private void show(String line) {
    out.println(line);
    out.flush();
    shown = nanoClock.getAsLong();
  }

  @Override
  public void close() {}
}
