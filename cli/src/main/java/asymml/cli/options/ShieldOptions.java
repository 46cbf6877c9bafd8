package asymml.cli.options;

import asymml.trusted.plan.Shield;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// What hides the data of split layers.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
public final class ShieldOptions {
  static final String SHIELD = "shield";

  /// The noise multiplier of masks where the user names neither noise nor a target.
  static final double DEFAULT_MASKS = 10;

  enum Kind {
    RESIDUAL,
    SHARES;

    String label() {
      return this == RESIDUAL ? "residual" : "shares";
    }

    @Override
    public String toString() {
      return label();
    }
  }

  /// The positions that weight gradients come from.
  ///
  /// @param text as it was given
  /// @param share of all positions
  record Positions(String text, double share) {
    @Override
    public String toString() {
      return text;
    }
  }

  @Option(
      names = "--" + SHIELD,
      paramLabel = "KIND",
      defaultValue = "residual",
      converter = KindConverter.class,
      description = {
        "What hides data from workers (default: ${DEFAULT-VALUE}). residual: one worker gets noisy"
            + " residuals, and results keep the noise; shares: two workers that do not collude,"
            + " values under masks to one and the masks to the other, and results are exact."
      })
  Kind kind;

  @Option(
      names = "--weight-gradient",
      paramLabel = "KIND",
      defaultValue = "exact",
      converter = PositionsConverter.class,
      description =
          "With --shield shares, where weight gradients are computed here: exact, or sampled:1/4, an"
              + " unbiased estimate from that share of the output positions, drawn anew in each step"
              + " (default: ${DEFAULT-VALUE}).")
  Positions weightGradient;

  /// Whether values are released under masks.
  public boolean shares() {
    return kind == Kind.SHARES;
  }

  /// The shield.
  ///
  /// @throws IllegalArgumentException if the two options contradict each other
  public Shield shield() {
    if (shares()) {
      return new Shield.Shares(weightGradient.share());
    }
    if (weightGradient.share() != 1) {
      throw new IllegalArgumentException(
          "--weight-gradient sampled goes with --shield shares: otherwise the worker computes"
              + " weight gradients");
    }
    return new Shield.Residual();
  }

  static final class KindConverter implements ITypeConverter<Kind> {
    @Override
    public Kind convert(String text) {
      return Labels.choice(text, Kind.values(), Kind::label);
    }
  }

  static final class PositionsConverter implements ITypeConverter<Positions> {
    private static final String SAMPLED = "sampled:";

    @Override
    public Positions convert(String text) {
      Double share =
          text.equals("exact")
              ? Double.valueOf(1)
              : text.startsWith(SAMPLED) ? share(text.substring(SAMPLED.length())) : null;
      if (share == null || !(share > 0 && share <= 1)) {
        throw new TypeConversionException(
            "'" + text + "' is neither exact nor sampled: with a share such as sampled:1/4");
      }
      return new Positions(text, share);
    }

    private static @Nullable Double share(String text) {
      String[] parts = text.split("/", -1);
      try {
        return switch (parts.length) {
          case 1 -> Double.valueOf(parts[0]);
          case 2 -> Double.parseDouble(parts[0]) / Double.parseDouble(parts[1]);
          default -> null;
        };
      } catch (NumberFormatException e) {
        return null;
      }
    }
  }
}
