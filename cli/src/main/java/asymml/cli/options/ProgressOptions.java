package asymml.cli.options;

import asymml.cli.terminal.ProgressKind;
import asymml.cli.terminal.TrainDisplay;
import asymml.trusted.train.TrainConfig;
import java.io.PrintWriter;
import picocli.CommandLine.Option;

/// How training is shown.
@SuppressWarnings("NullAway.Init") // picocli sets the field before the command runs
public final class ProgressOptions {
  @Option(
      names = "--progress",
      paramLabel = "KIND",
      defaultValue = "auto",
      description =
          "bar, plain (lines) or auto: a bar on a terminal, else lines (default:"
              + " ${DEFAULT-VALUE}).")
  private ProgressKind kind;

  /// The kind asked for.
  public ProgressKind kind() {
    return kind;
  }

  /// A display of the kind asked for.
  ///
  /// @param out for lines; bars go to standard output
  /// @param config of the run
  public TrainDisplay display(PrintWriter out, TrainConfig config) {
    return kind.display(out, config);
  }
}
