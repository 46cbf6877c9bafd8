package asymml.cli.owner;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/// The owner's key.
@SuppressWarnings("NullAway.Init") // picocli sets the field before the command runs
final class KeyOptions {
  @Option(
      names = "--key",
      required = true,
      paramLabel = "FILE",
      description =
          "The owner's data key: whoever has this file can open all that was sealed under it, and"
              + " without it nobody can.")
  private Path file;

  Path file() {
    return file;
  }
}
