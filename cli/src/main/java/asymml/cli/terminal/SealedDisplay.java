package asymml.cli.terminal;

import asymml.report.EpochLine;
import asymml.report.Figures;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.TrainListener;
import java.io.PrintWriter;
import java.util.function.LongSupplier;

/// Lines for runs on sealed data, whose output is not their owner's: how far training is, and
/// nothing that follows from the data.
public final class SealedDisplay implements TrainListener {
  private final ProgressLines lines;

  /// Shows a run.
  ///
  /// @param out gets the lines
  /// @param epochs of the whole run
  /// @param nanoClock as [System#nanoTime]
  public SealedDisplay(PrintWriter out, int epochs, LongSupplier nanoClock) {
    lines = new ProgressLines(out, epochs, nanoClock);
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
      String left = lines.left().map(Figures::time).orElse("?");
      lines.show("%s, %s left".formatted(lines.step(totals), left));
    }
  }

  @Override
  public void epochDone(EpochMetrics metrics) {
    lines.show("epoch %s/%s: done, metrics sealed".formatted(metrics.epoch(), lines.epochs()));
  }
}
