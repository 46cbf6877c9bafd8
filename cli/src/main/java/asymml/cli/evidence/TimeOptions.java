package asymml.cli.evidence;

import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// For which moment to verify.
final class TimeOptions {
  @Option(
      names = "--at",
      paramLabel = "TIME",
      description =
          "Verify for this moment, such as 2025-06-20T00:00:00Z (default: now, by this machine's"
              + " clock).")
  private @Nullable Instant at;

  Instant at() {
    return at == null ? Clock.systemUTC().instant().truncatedTo(ChronoUnit.SECONDS) : at;
  }
}
