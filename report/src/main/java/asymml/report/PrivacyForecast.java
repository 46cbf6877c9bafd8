package asymml.report;

import asymml.privacy.Channel;
import asymml.privacy.Epsilon;
import asymml.privacy.Ledger;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyStatement;
import asymml.privacy.Release;
import asymml.trusted.plan.MaskPrecision;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Shield;
import asymml.trusted.train.TrainConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// What a run is about to release and what that will cost, said before it begins.
///
/// @param config of the run
/// @param ledger as it will be at its end
public record PrivacyForecast(TrainConfig config, Ledger ledger) {
  /// Noise-to-signal ratios above this hide a residual, and also all that could be learned from it.
  private static final double DROWNED = 3;

  /// What is to be said.
  ///
  /// @return a line each
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    if (config.mode() == Mode.UNTRUSTED_ONLY) {
      lines.add("NO PRIVACY: the worker sees everything, exact (a baseline)");
      return lines;
    }
    if (!config.privacy().accounted()) {
      lines.add(
          config.noise() instanceof NoiseStrength.None
              ? "no noise: residuals leave as they are, unclipped"
              : "noise %s on residuals; clip bound C is data-dependent (running median of norms)"
                  .formatted(config.noise()));
      lines.add(
          "this run is not accounted for (--protect does that); no (epsilon, delta) is claimed");
      lines.add(
          config.gradientNoise() instanceof NoiseStrength.None
              ? "weights and output gradients of layers at the worker leave as they are"
              : "noise %s on output gradients around running medians, too; weights leave as they are"
                  .formatted(config.gradientNoise()));
      return lines;
    }
    lines.add("accounted for: " + config.privacy());
    if (config.privacy().target() != null) {
      Epsilon cost =
          ledger.epsilon(r -> r.mechanism() instanceof Release.Gaussian, new PldAccountant());
      lines.add(
          "budget: %d of %d steps cost epsilon %s of %s allowed, for what is protected"
              .formatted(
                  ledger.steps(),
                  ledger.sampling().stepsPerEpoch() * config.epochs(),
                  PrivacyStatement.text(cost),
                  PrivacyStatement.text(config.privacy().target())));
    }
    PrivacyStatement statement = PrivacyStatement.of(ledger, new PldAccountant());
    statement.lines().forEach(line -> lines.add("at the end, " + line));
    double ratio = ratio();
    if (config.shield() instanceof Shield.Shares) {
      lines.add(
          String.format(
              Locale.ROOT,
              "masks are about %.3g times what they hide; rounding leaves an error of at most %.1e of"
                  + " a result (predicted), whatever the noise: it comes off",
              ratio,
              MaskPrecision.largest(ledger)));
      if (config.privacy().protect().contains(Channel.WEIGHTS)) {
        lines.add(
            "the noise on summed weight gradients does not come off: the accuracy falls with it, and"
                + " may be near chance");
      }
      return lines;
    }
    lines.add(
        String.format(
            Locale.ROOT,
            "noise is about %.3g times a residual at its bound (ratio = z sqrt(values))%s",
            ratio,
            ratio > DROWNED
                ? ": expect an accuracy near chance; noise that trains well has an epsilon too"
                    + " large to mean much"
                : ""));
    return lines;
  }

  /// The median over residuals of the noise's norm over the clip bound.
  private double ratio() {
    double[] ratios =
        ledger.entries().stream()
            .limit(1)
            .flatMap(entry -> entry.releases().stream())
            .filter(release -> release.channel() == Channel.RESIDUALS)
            .filter(release -> release.mechanism() instanceof Release.Gaussian)
            .mapToDouble(Release::noiseRatio)
            .sorted()
            .toArray();
    return ratios.length == 0 ? 0 : ratios[ratios.length / 2];
  }
}
