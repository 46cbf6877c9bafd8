package asymml.cli.terminal;

import asymml.trusted.train.TrainConfig;
import java.io.Console;
import java.io.PrintWriter;

/// How training is shown, by the names of `--progress`.
public enum ProgressKind {
  /// A bar on a terminal, else lines.
  auto,
  /// A bar.
  bar,
  /// Lines.
  plain;

  /// A display of this kind.
  ///
  /// @param out for lines; bars go to standard output
  /// @param config of the run
  public TrainDisplay display(PrintWriter out, TrainConfig config) {
    return showsBar()
        ? new BarDisplay(System.out, config)
        : new PlainDisplay(out, config, System::nanoTime);
  }

  @SuppressWarnings("SystemConsoleNull") // from Java 25 on it is null again without a terminal
  private boolean showsBar() {
    Console console = System.console();
    return switch (this) {
      case auto -> console != null && console.isTerminal();
      case bar -> true;
      case plain -> false;
    };
  }
}
