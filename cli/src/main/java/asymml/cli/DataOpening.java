package asymml.cli;

import asymml.trusted.data.Progress;
import java.io.PrintWriter;

/// A word to the user while data are opened.
final class DataOpening {
  private static final long EVERY_NANOS = 5_000_000_000L;

  private DataOpening() {}

  /// Says every few seconds how far something is.
  static Progress reporter(PrintWriter out) {
    long[] shown = {System.nanoTime()};
    return (what, done, total) -> {
      if (System.nanoTime() - shown[0] >= EVERY_NANOS) {
        shown[0] = System.nanoTime();
        out.println(total < 0 ? what + ": " + done : "%s: %d/%d".formatted(what, done, total));
        out.flush();
      }
    };
  }
}
