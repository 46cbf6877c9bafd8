package asymml.cli.options;

import asymml.session.TrainedRun;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/// Which run a command reads.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
public final class RunOptions {
  @Option(
      names = "--run",
      required = true,
      paramLabel = "DIR",
      description = "The run directory that 'asymml train' named.")
  private Path directory;

  /// Where the run is.
  ///
  /// @return its directory
  public Path directory() {
    return directory;
  }

  /// The run with its model, which the caller closes.
  ///
  /// @throws IOException one line, if there is no trained model
  public TrainedRun open() throws IOException {
    return TrainedRun.open(directory);
  }
}
