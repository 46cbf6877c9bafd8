package asymml.cli.terminal;

import asymml.model.PrintableText;
import asymml.trusted.data.Progress;
import java.io.PrintWriter;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;

/// A word to the user while data are opened.
public final class DataOpening {
  private static final long EVERY_NANOS = 5_000_000_000L;

  private DataOpening() {}

  /// Shows how far something is: a bar on a terminal, a line every few seconds elsewhere.
  public static Progress reporter(PrintWriter out) {
    if (Screen.behind(Screen.OUT, System.getenv()) != null) {
      return new BarProgress(new ConsoleProgressBarConsumer(System.out), System::nanoTime);
    }
    return lines(out, System::nanoTime);
  }

  /// A line every few seconds.
  public static Progress lines(PrintWriter out, LongSupplier nanoClock) {
    long[] shown = {nanoClock.getAsLong()};
    return (what, done, total) -> {
      long now = nanoClock.getAsLong();
      if (now - shown[0] >= EVERY_NANOS) {
        shown[0] = now;
        String line = PrintableText.of(what);
        out.println(total < 0 ? line + ": " + done : "%s: %s/%s".formatted(line, done, total));
        out.flush();
      }
    };
  }
}
