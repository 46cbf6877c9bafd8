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
import asymml.trusted.train.TrainConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// What a run is about to release and what that will cost, for its start.
///
/// @param config of the run
/// @param ledger as it will be at its end
public record PrivacyForecast(TrainConfig config, Ledger ledger) {
  /// Noise-to-signal ratios above this hide a residual and all that could be learned from it.
  private static final double DROWNED = 3;

  /// All that is to be said: notes, and what the whole run will cost.
  ///
  /// @return a line each
  public List<String> lines() {
    List<String> lines = new ArrayList<>(notes());
    lines.add("after all steps:");
    lines.addAll(new PrivacySummary(PrivacyStatement.of(ledger, new PldAccountant())).lines());
    return lines;
  }

  /// What the settings come to, without the cost of the whole run.
  ///
  /// @return a line each
  public List<String> notes() {
    if (config.mode() == Mode.UNTRUSTED_ONLY) {
      return List.of("NO PRIVACY: the worker receives everything exactly (baseline)");
    }
    return config.privacy().accounted() ? accounted() : unaccounted();
  }

  private List<String> unaccounted() {
    List<String> lines = new ArrayList<>();
    lines.add("this run is not accounted for; no (epsilon, delta) is claimed");
    if (!(config.noise() instanceof NoiseStrength.None)) {
      lines.add(
          "noise %s on residuals; clip bound C is data-dependent (running median of norms)"
              .formatted(config.noise()));
    }
    if (!(config.gradientNoise() instanceof NoiseStrength.None)) {
      lines.add(
          "noise %s on output gradients, clipped to running medians"
              .formatted(config.gradientNoise()));
    }
    return lines;
  }

  private List<String> accounted() {
    List<String> lines = new ArrayList<>();
    lines.add("accounted for: " + config.privacy());
    if (config.privacy().target() != null) {
      Epsilon cost =
          ledger.epsilon(r -> r.mechanism() instanceof Release.Gaussian, new PldAccountant());
      lines.add(
          "budget: %s of %s steps cost epsilon %s of %s allowed, for what is protected"
              .formatted(
                  ledger.steps(),
                  ledger.sampling().stepsPerEpoch() * config.epochs(),
                  PrivacyStatement.text(cost),
                  PrivacyStatement.text(config.privacy().target())));
    }
    if (config.privacy().dpSgd() != null && config.mode() == Mode.TRUSTED_ONLY) {
      return lines;
    }
    double ratio = ratio();
    if (config.shield().masks()) {
      lines.add(
          String.format(
              Locale.ROOT,
              "mask-to-signal ratio about %.3g; relative rounding error of a result at most %.1e"
                  + " (predicted); the masks are removed from results",
              ratio,
              MaskPrecision.largest(ledger)));
      if (config.privacy().protect().contains(Channel.WEIGHTS)
          && config.privacy().dpSgd() == null) {
        lines.add(
            "noise on summed weight gradients is not removed: it lowers the accuracy, possibly to"
                + " near chance");
      }
      return lines;
    }
    lines.add(
        String.format(
            Locale.ROOT,
            "noise is about %.3g times a residual at its bound (ratio = z sqrt(values))%s",
            ratio,
            ratio > DROWNED
                ? ": expect an accuracy near chance; noise low enough to train well gives an"
                    + " epsilon too large to be useful"
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
