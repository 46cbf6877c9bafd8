package asymml.cli.evidence;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/// What evidence is about.
final class ReportDataOptions {
  private static final int SIZE = 64;

  @Option(
      names = "--report-data",
      paramLabel = "HEX",
      description =
          "The report data that ties the evidence to one request: up to 64 bytes in hexadecimal,"
              + " filled up with zeros.")
  private @Nullable String hex;

  Optional<byte[]> bytes(CommandSpec command) {
    if (hex == null) {
      return Optional.empty();
    }
    if (!hex.matches("([0-9a-fA-F]{2}){1,64}")) {
      throw new ParameterException(
          command.commandLine(),
          "--report-data must be 1 to 64 bytes in hexadecimal, two digits each");
    }
    return Optional.of(Arrays.copyOf(HexFormat.of().parseHex(hex), SIZE));
  }
}
