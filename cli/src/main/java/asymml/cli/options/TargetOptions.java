package asymml.cli.options;

import asymml.privacy.Epsilon;
import picocli.CommandLine.Option;

/// The budget of a run that is asked about.
@SuppressWarnings("NullAway.Init") // picocli sets the field before the command runs
public final class TargetOptions {
  @Option(
      names = "--target-epsilon",
      required = true,
      paramLabel = "EPSILON",
      description = "The epsilon that the run must not exceed (required).")
  private Epsilon target;

  /// The epsilon that the run must not exceed; finite.
  public Epsilon epsilon() {
    return target;
  }
}
