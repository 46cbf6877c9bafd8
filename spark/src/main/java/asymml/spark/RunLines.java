package asymml.spark;

import asymml.privacy.Ledger;
import asymml.session.SessionListener;
import asymml.trusted.run.EpochMetrics;
import java.io.PrintStream;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// What is printed while a run trains.
///
/// @param out takes the lines
record RunLines(Consumer<String> out) implements SessionListener {
  /// Prints them.
  static RunLines to(PrintStream stream) {
    return new RunLines(line -> {
      stream.println(line);
      stream.flush();
    });
  }

  @Override
  public void forecast(Ledger ledger) {
    say("ledger   of %s steps when all epochs are done".formatted(ledger.steps()));
  }

  @Override
  public void stepsSkipped(long steps) {
    say("resume   %s steps are spent and are not repeated".formatted(steps));
  }

  @Override
  public void epochDone(EpochMetrics metrics) {
    @Nullable Double accuracy = metrics.testAccuracy();
    say(
        "epoch %s: train loss %s; test loss %s, accuracy %s %%; %s images/s"
            .formatted(
                metrics.epoch(),
                text(4, metrics.trainLoss()),
                text(4, metrics.testLoss()),
                text(1, accuracy == null ? null : 100 * accuracy),
                text(0, metrics.imagesPerSecond())));
  }

  private void say(String line) {
    out.accept(line);
  }

  private static String text(int digits, @Nullable Double value) {
    return value == null ? "-" : String.format(Locale.ROOT, "%." + digits + "f", value);
  }
}
