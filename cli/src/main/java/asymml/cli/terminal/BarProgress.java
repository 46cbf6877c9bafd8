package asymml.cli.terminal;

import asymml.model.PrintableText;
import asymml.trusted.data.Progress;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarConsumer;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/// A bar for each stage that takes longer than a moment; it is gone when the stage is done.
final class BarProgress implements Progress {
  private static final long MOMENT_NANOS = 500_000_000L;
  private static final int UPDATE_MILLIS = 250;

  private final ProgressBarConsumer terminal;
  private final LongSupplier nanoClock;
  private String stage = "";
  private long began;
  private @Nullable ProgressBar bar;

  /// @param terminal draws the bars
  /// @param nanoClock rises by one a nanosecond
  BarProgress(ProgressBarConsumer terminal, LongSupplier nanoClock) {
    this.terminal = terminal;
    this.nanoClock = nanoClock;
  }

  @Override
  public void update(String what, long done, long total) {
    if (!what.equals(stage)) {
      close();
      stage = what;
      began = nanoClock.getAsLong();
    }
    if (done == total) {
      close();
      return;
    }
    if (bar == null && nanoClock.getAsLong() - began >= MOMENT_NANOS) {
      bar =
          new ProgressBarBuilder()
              .setTaskName(PrintableText.of(what))
              .setInitialMax(total)
              .setStyle(ProgressBarStyle.UNICODE_BLOCK)
              .setUpdateIntervalMillis(UPDATE_MILLIS)
              .setConsumer(terminal)
              .clearDisplayOnFinish()
              .build();
    }
    if (bar != null) {
      bar.stepTo(done);
    }
  }

  private void close() {
    if (bar != null) {
      bar.close();
      bar = null;
    }
    stage = "";
  }
}
