package asymml.cli.options;

import asymml.privacy.NoiseMultiplier;
import picocli.CommandLine.Option;

/// The noise of a run that is asked about.
@SuppressWarnings("NullAway.Init") // picocli sets the field before the command runs
public final class ReleaseNoiseOptions {
  @Option(
      names = "--noise-multiplier",
      required = true,
      paramLabel = "Z",
      description = "Deviation of the noise over the sensitivity, of each release (required).")
  private NoiseMultiplier noise;

  /// The noise multiplier of each release.
  public NoiseMultiplier multiplier() {
    return noise;
  }
}
