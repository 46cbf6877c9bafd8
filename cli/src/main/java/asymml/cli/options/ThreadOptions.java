package asymml.cli.options;

import asymml.kernels.Kernels;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// How many threads a command computes with.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
public final class ThreadOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads (default: one per available processor).")
  private @Nullable Integer threads;

  /// Their number.
  ///
  /// @return one per available processor where none was given
  public int number() {
    return threads != null ? threads : Runtime.getRuntime().availableProcessors();
  }

  /// Sets their number.
  ///
  /// @throws ParameterException if it is below 1
  public void apply() {
    if (threads == null) {
      return;
    }
    if (threads < 1) {
      throw new ParameterException(
          command.commandLine(), "--threads must be at least 1: " + threads);
    }
    Kernels.setThreads(threads);
  }
}
