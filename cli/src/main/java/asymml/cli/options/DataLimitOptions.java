package asymml.cli.options;

import asymml.trusted.data.DataLimits;
import picocli.CommandLine.Option;

/// How large data may say they are, for commands that open data of their own.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
public final class DataLimitOptions {
  /// The flag that raises the limit.
  public static final String FLAG = "--max-image-pixels";

  @Option(
      names = FLAG,
      paramLabel = "N",
      defaultValue = "16777216",
      description =
          "Refuse images that declare more pixels, height times width, before memory is taken"
              + " (default: ${DEFAULT-VALUE}).")
  private DataLimits limits;

  /// The limits on data.
  public DataLimits limits() {
    return limits;
  }
}
