package asymml.cli.terminal;

import asymml.report.EpochLine;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.TrainConfig;
import java.io.PrintWriter;
import java.util.function.LongSupplier;

/// Lines for files and pipes: one per epoch, and one at most every ten seconds in between.
final class PlainDisplay implements TrainDisplay {
  private final ProgressLines lines;

  PlainDisplay(PrintWriter out, TrainConfig config, LongSupplier nanoClock) {
    lines = new ProgressLines(out, config.epochs(), nanoClock);
  }

  @Override
  public void stepsSkipped(long steps) {
    lines.show(EpochLine.skipped(steps));
  }

  @Override
  public void epochStarted(int epoch, int batches, int firstBatch) {
    lines.epochStarted(epoch, batches, firstBatch);
  }

  @Override
  public void stepDone(EpochTotals totals) {
    lines.stepDone();
    if (lines.isDue()) {
      lines.show("%s: %s".formatted(lines.step(totals), EpochLine.of(totals, lines.left())));
    }
  }

  @Override
  public void evaluated(int done, int total) {
    if (lines.isDue()) {
      lines.show("%s, evaluating image %s/%s".formatted(lines.place(), done, total));
    }
  }

  @Override
  public void epochDone(EpochMetrics metrics) {
    lines.show(EpochLine.of(metrics, lines.epochs()));
  }

  @Override
  public void close() {}
}
