package asymml.cli.terminal;

import asymml.report.EpochLine;
import asymml.session.TimeLeft;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.TrainConfig;
import java.io.PrintStream;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/// A progress bar for terminals; finished epochs leave a line.
final class BarDisplay implements TrainDisplay {
  private static final int UPDATE_MILLIS = 250;

  private final PrintStream terminal;
  private final int epochs;
  private final TimeLeft timeLeft;
  private int epoch;
  private @Nullable ProgressBar bar;
  private boolean evaluating;

  BarDisplay(PrintStream terminal, TrainConfig config) {
    this.terminal = terminal;
    epochs = config.epochs();
    timeLeft = new TimeLeft(System::nanoTime, epochs);
  }

  @Override
  public void stepsSkipped(long steps) {
    terminal.println(EpochLine.skipped(steps));
  }

  @Override
  public void epochStarted(int epoch, int batches, int firstBatch) {
    this.epoch = epoch;
    timeLeft.epochStarted(epoch, batches, firstBatch);
    open("epoch %s/%s".formatted(epoch, epochs), batches).stepTo(firstBatch);
    evaluating = false;
  }

  @Override
  public void stepDone(EpochTotals totals) {
    timeLeft.stepDone();
    if (bar != null) {
      bar.stepTo(totals.batches());
      bar.setExtraMessage(" " + EpochLine.of(totals, timeLeft.left()));
    }
  }

  @Override
  public void evaluated(int done, int total) {
    ProgressBar shown = bar;
    if (!evaluating || shown == null) {
      evaluating = true;
      shown = open("eval  %s/%s".formatted(epoch, epochs), total);
    }
    shown.stepTo(done);
  }

  @Override
  public void epochDone(EpochMetrics metrics) {
    close();
    terminal.println(EpochLine.of(metrics, epochs));
  }

  private ProgressBar open(String task, long total) {
    close();
    bar =
        new ProgressBarBuilder()
            .setTaskName(task)
            .setInitialMax(total)
            .setStyle(ProgressBarStyle.UNICODE_BLOCK)
            .setUpdateIntervalMillis(UPDATE_MILLIS)
            .setConsumer(new ConsoleProgressBarConsumer(terminal))
            .hideEta()
            .clearDisplayOnFinish()
            .build();
    return bar;
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }
}
