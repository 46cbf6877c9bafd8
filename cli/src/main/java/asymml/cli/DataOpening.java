package asymml.cli;

import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.DataSets;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.data.Progress;
import java.io.PrintWriter;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;

/// Opens data sets with a word to the user where it takes a while.
final class DataOpening {
  private static final long EVERY_NANOS = 5_000_000_000L;

  private DataOpening() {}

  /// Opens a data set and takes its limited splits.
  ///
  /// @param seed of the choice where a limit leaves images out
  /// @throws DataException if anything is wrong with the data
  static DataSet open(String spec, Limit train, Limit test, long seed, PrintWriter out)
      throws DataException {
    return limited(DataSets.open(spec, reporter(out)), train, test, seed);
  }

  /// The limited splits of a data set.
  ///
  /// @param seed of the choice where a limit leaves images out
  static DataSet limited(DataSet all, Limit train, Limit test, long seed) {
    ImageSet limited = all.train().subset(train.images(), seed);
    return new DataSet(
        all.name(),
        limited,
        all.test().subset(test.images(), seed),
        limited.size() == all.train().size() ? all.normalization() : Normalization.of(limited),
        all.flip(),
        all.cropPadding());
  }

  /// Shows how far something is: a bar on a terminal, a line every few seconds elsewhere.
  static Progress reporter(PrintWriter out) {
    if (Screen.behind(Screen.OUT, System.getenv()) != null) {
      return new BarProgress(new ConsoleProgressBarConsumer(System.out), System::nanoTime);
    }
    return lines(out, System::nanoTime);
  }

  /// A line every few seconds.
  static Progress lines(PrintWriter out, LongSupplier nanoClock) {
    long[] shown = {nanoClock.getAsLong()};
    return (what, done, total) -> {
      long now = nanoClock.getAsLong();
      if (now - shown[0] >= EVERY_NANOS) {
        shown[0] = now;
        out.println(total < 0 ? what + ": " + done : "%s: %d/%d".formatted(what, done, total));
        out.flush();
      }
    };
  }
}
