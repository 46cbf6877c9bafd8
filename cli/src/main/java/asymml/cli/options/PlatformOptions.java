package asymml.cli.options;

import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// What vendors sign about the platform from which evidence comes.
public final class PlatformOptions {
  @Option(
      names = "--collateral",
      paramLabel = "DIR",
      description =
          "SGX and TDX: the folder of Intel's collateral ('asymml evidence collateral' says what it"
              + " holds).")
  private @Nullable Path collateral;

  @Option(
      names = "--vek",
      paramLabel = "FILE",
      description = "SEV-SNP: the VCEK or VLEK certificate, DER or PEM.")
  private @Nullable Path vek;

  /// Made by picocli.
  public PlatformOptions() {}

  /// The folder of Intel's collateral.
  ///
  /// @return empty if none was given
  public Optional<Path> collateral() {
    return Optional.ofNullable(collateral);
  }

  /// The VCEK or VLEK certificate.
  ///
  /// @return empty if none was given
  public Optional<Path> vek() {
    return Optional.ofNullable(vek);
  }
}
