package asymml.trusted.run;

import java.util.List;

/// Where and with what a run was made: with its configuration and seed, enough to run it again.
///
/// @param version of this program
/// @param javaVersion of the Java runtime
/// @param oneDnnVersion of the kernel library
/// @param operatingSystem name, version and architecture
/// @param cores processors available to the process
/// @param dataDigest SHA-256 of the data set, in hex
/// @param commandLine the arguments as given
public record Provenance(
    String version,
    String javaVersion,
    String oneDnnVersion,
    String operatingSystem,
    int cores,
    String dataDigest,
    List<String> commandLine) {
  /// Checks that nothing is left blank, and copies the command line.
  public Provenance {
    checkFilled("version", version);
    checkFilled("javaVersion", javaVersion);
    checkFilled("oneDnnVersion", oneDnnVersion);
    checkFilled("operatingSystem", operatingSystem);
    checkFilled("dataDigest", dataDigest);
    if (cores < 1) {
      throw new IllegalArgumentException("a run has at least one core, got " + cores);
    }
    commandLine = List.copyOf(commandLine);
  }

  /// The facts of this process.
  ///
  /// @param version of this program
  /// @param oneDnnVersion of the kernel library
  /// @param dataDigest SHA-256 of the data set, in hex
  /// @param commandLine the arguments as given
  /// @return a new record
  public static Provenance ofThisProcess(
      String version, String oneDnnVersion, String dataDigest, List<String> commandLine) {
    return new Provenance(
        version,
        Runtime.version().toString(),
        oneDnnVersion,
        "%s %s %s"
            .formatted(
                System.getProperty("os.name"),
                System.getProperty("os.version"),
                System.getProperty("os.arch")),
        Runtime.getRuntime().availableProcessors(),
        dataDigest,
        commandLine);
  }

  private static void checkFilled(String name, String value) {
    if (value.isBlank()) {
      throw new IllegalArgumentException("the provenance of a run needs its " + name);
    }
  }
}
