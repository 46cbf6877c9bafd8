package asymml.cli.terminal;

import asymml.session.TimeLeft;
import asymml.trusted.train.EpochTotals;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Optional;
import java.util.function.LongSupplier;

/// Lines about a run, in between at most one every ten seconds.
final class ProgressLines {
  private static final long EVERY_NANOS = 10_000_000_000L;

  private final PrintWriter out;
  private final LongSupplier nanoClock;
  private final int epochs;
  private final TimeLeft timeLeft;
  private int epoch;
  private int batches;
  private long shown;

  ProgressLines(PrintWriter out, int epochs, LongSupplier nanoClock) {
    this.out = out;
    this.nanoClock = nanoClock;
    this.epochs = epochs;
    timeLeft = new TimeLeft(nanoClock, epochs);
    shown = nanoClock.getAsLong();
  }

  int epochs() {
    return epochs;
  }

  void epochStarted(int started, int batchesOfEpoch, int firstBatch) {
    epoch = started;
    batches = batchesOfEpoch;
    timeLeft.epochStarted(started, batchesOfEpoch, firstBatch);
  }

  void stepDone() {
    timeLeft.stepDone();
  }

  Optional<Duration> left() {
    return timeLeft.left();
  }

  /// Whether the last line is old enough for one in between.
  boolean isDue() {
    return nanoClock.getAsLong() - shown >= EVERY_NANOS;
  }

  /// Where the run is.
  String place() {
    return "epoch %s/%s".formatted(epoch, epochs);
  }

  /// Where in the epoch.
  String step(EpochTotals totals) {
    return "%s, step %s/%s".formatted(place(), totals.batches(), batches);
  }

  void show(String line) {
    out.println(line);
    out.flush();
    shown = nanoClock.getAsLong();
  }
}
