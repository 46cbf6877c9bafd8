package asymml.cli.options;

import asymml.session.Settings;
import asymml.trusted.plan.Shield;
import java.util.Map;
import picocli.CommandLine.Option;

/// What hides the data of split layers, by the names of [Settings].
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
public final class ShieldOptions {
  @Option(
      names = "--shield",
      paramLabel = "KIND",
      defaultValue = "residual",
      description = {
        "What hides data from workers (default: ${DEFAULT-VALUE}). residual: one worker gets noisy"
            + " residuals, and results keep the noise; shares: two workers that do not collude,"
            + " values under masks to one and the masks to the other, and results are exact."
      })
  private String kind;

  @Option(
      names = "--weight-gradient",
      paramLabel = "KIND",
      defaultValue = "exact",
      description =
          "With --shield shares, where weight gradients are computed here: exact, or sampled:1/4, an"
              + " unbiased estimate from that share of the output positions, drawn anew in each step"
              + " (default: ${DEFAULT-VALUE}).")
  private String weightGradient;

  /// The shield.
  ///
  /// @throws asymml.session.InvalidSpecException if a value is none, or the two contradict each
  ///   other
  public Shield shield() {
    return new Settings(Map.of("shield", kind, "weight-gradient", weightGradient))
        .spec()
        .training()
        .shield();
  }
}
