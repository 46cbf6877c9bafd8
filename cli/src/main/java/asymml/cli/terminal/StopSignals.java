package asymml.cli.terminal;

import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jline.utils.Signals;

/// SIGHUP, SIGINT and SIGTERM as a wish to stop: the first is noted, the second ends the process at
/// once. Where SIGHUP is ignored, as under nohup, Java leaves it so.
public final class StopSignals implements AutoCloseable {
  private static final int EXIT_BASE = 128;
  private static final Map<String, Integer> NUMBERS = Map.of("HUP", 1, "INT", 2, "TERM", 15);

  private final Map<String, Object> before = new LinkedHashMap<>();
  private final String said;
  private final Runnable stop;
  private volatile int received;

  /// Listens until closed, for a run that looks at [#received] after each step.
  ///
  /// @param err hears of the first signal
  public StopSignals(PrintWriter err) {
    this(err, "stopping after this step to save the run", () -> {});
  }

  /// Listens until closed.
  ///
  /// @param err hears of the first signal
  /// @param said what then happens
  /// @param stop is run at the first signal
  public StopSignals(PrintWriter err, String said, Runnable stop) {
    this.said = said;
    this.stop = stop;
    NUMBERS.forEach(
        (name, number) -> before.put(name, Signals.register(name, () -> receive(number, err))));
  }

  private void receive(int number, PrintWriter err) {
    if (received != 0) {
      Runtime.getRuntime().halt(EXIT_BASE + number);
    }
    received = number;
    err.println();
    err.println("asymml: %s; once more to stop at once".formatted(said));
    err.flush();
    stop.run();
  }

  /// Whether a signal has come.
  public boolean received() {
    return received != 0;
  }

  /// The exit code that tells of the signal.
  public int exitCode() {
    return EXIT_BASE + received;
  }

  @Override
  public void close() {
    before.forEach(Signals::unregister);
    before.clear();
  }
}
