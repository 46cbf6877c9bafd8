package asymml.cli.options;

import asymml.trusted.check.Verification;
import picocli.CommandLine.Option;

/// How many steps' results of workers are checked.
public final class VerifyOptions {
  @Option(
      names = "--verify",
      paramLabel = "STEPS",
      defaultValue = "off",
      description =
          "Check what workers return against secret random projections: every step, sample:P of the"
              + " steps at random, or off. A wrong result ends the run (default:"
              + " ${DEFAULT-VALUE}).")
  private String steps = "off";

  /// The setting.
  ///
  /// @throws IllegalArgumentException if it is none of them
  public Verification verification() {
    return Verification.parse(steps);
  }
}
