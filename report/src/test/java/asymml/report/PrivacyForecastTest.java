package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyStatement;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import asymml.session.TrainingSpec;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Shield;
import asymml.trusted.train.TrainConfig;
import java.util.List;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What is said before a run begins, of planted ledgers.
class PrivacyForecastTest {
  private static final TrainingSpec GROUP = TrainingSpec.defaults().withNorm(Zoo.Norm.GROUP);
  private static final long STEPS = 6;

  /// Residuals of 100 values with noise multipliers.
  private static Ledger ledger(double... multipliers) {
    return new Ledger(
        new Sampling.Shuffled(48, 16),
        new Delta(1e-5),
        List.of(
            new Ledger.Entry(
                DoubleStream.of(multipliers)
                    .mapToObj(z ->
                        new Release(
                            Channel.RESIDUALS,
                            "conv" + z,
                            100,
                            new Release.Gaussian(new ClipNorm(2), new NoiseMultiplier(z))))
                    .toList(),
                STEPS)));
  }

  private static List<String> notes(TrainingSpec spec, Ledger ledger) {
    return new PrivacyForecast(spec.training(), ledger).notes();
  }

  private static TrainingSpec accounted(TrainingSpec spec) {
    return spec.withProtection(null, Channel.RESIDUALS)
        .withNoise(new NoiseStrength.Multiplier(0.5));
  }

  @Test
  void all_at_the_worker_is_said_to_be_no_privacy() {
    assertThat(notes(GROUP.withMode(Mode.UNTRUSTED_ONLY), ledger(1)))
        .containsExactly("NO PRIVACY: the worker receives everything exactly (baseline)");
  }

  @Test
  void a_run_that_is_not_accounted_for_claims_nothing() {
    List<String> none = notes(GROUP.withNoise(new NoiseStrength.None()), ledger(1));
    assertThat(none).singleElement().asString().endsWith("no (epsilon, delta) is claimed");
    List<String> noisy = notes(GROUP.withNoise(new NoiseStrength.Ratio(0.3)), ledger(1));
    assertThat(noisy)
        .hasSize(2)
        .last()
        .isEqualTo(
            "noise ratio = 0.3 on residuals; clip bound C is data-dependent (running median of"
                + " norms)");
  }

  @Test
  void noise_on_output_gradients_is_named_beside_that_on_residuals() {
    TrainConfig config =
        GROUP
            .training()
            .withNoise(new NoiseStrength.None())
            .withGradientNoise(new NoiseStrength.Ratio(0.2));
    assertThat(new PrivacyForecast(config, ledger(1)).notes())
        .hasSize(2)
        .last()
        .isEqualTo("noise ratio = 0.2 on output gradients, clipped to running medians");
  }

  @Test
  void a_run_that_is_accounted_for_names_its_terms_first() {
    TrainingSpec spec = accounted(GROUP);
    assertThat(notes(spec, ledger(0.5)).getFirst())
        .isEqualTo("accounted for: " + spec.training().privacy());
  }

  /// z sqrt(100), of the middle one of the residuals.
  @ParameterizedTest
  @CsvSource({
    "0.1, 0.2, 0.25, 2.00",
    "0.25, 0.1, 0.2, 2.00",
    "0.3, 0.3, 0.3, 3.00",
    "1, 0.05, 0.01, 0.500"
  })
  void the_noise_ratio_is_the_median_over_residuals(
      double first, double second, double third, String ratio) {
    assertThat(notes(accounted(GROUP), ledger(first, second, third)).getLast())
        .isEqualTo(
            "noise is about %s times a residual at its bound (ratio = z sqrt(values))"
                .formatted(ratio));
  }

  @Test
  void noise_that_drowns_what_could_be_learned_is_warned_of() {
    assertThat(notes(accounted(GROUP), ledger(0.301)).getLast())
        .contains("3.01 times")
        .endsWith(
            ": expect an accuracy near chance; noise low enough to train well gives an epsilon too"
                + " large to be useful");
    assertThat(notes(accounted(GROUP), ledger(0.3)).getLast()).doesNotContain("near chance");
  }

  @Test
  void a_budget_says_how_many_steps_it_pays_for() {
    TrainingSpec spec = GROUP.withEpochs(4).withProtection(new Epsilon(30), Channel.RESIDUALS);
    Ledger ledger = ledger(2);
    String cost =
        PrivacyStatement.text(
            ledger.epsilon(r -> r.mechanism() instanceof Release.Gaussian, new PldAccountant()));
    assertThat(notes(spec, ledger).get(1))
        .isEqualTo(
            "budget: 6 of 12 steps cost epsilon %s of %s allowed, for what is protected"
                .formatted(cost, PrivacyStatement.text(new Epsilon(30))));
  }

  @Test
  void masks_have_a_ratio_and_a_rounding_error_and_no_warning() {
    TrainingSpec spec =
        GROUP
            .withShield(new Shield.Shares(1))
            .withProtection(null, Channel.GRADIENTS)
            .withNoise(new NoiseStrength.Multiplier(10));
    List<String> notes = notes(spec, ledger(10));
    assertThat(notes)
        .hasSize(2)
        .last()
        .asString()
        .startsWith("mask-to-signal ratio about 100; relative rounding error of a result at most ")
        .endsWith(" (predicted); the masks are removed from results");
  }

  @Test
  void noise_that_stays_in_weights_is_warned_of_under_masks() {
    TrainingSpec spec =
        GROUP
            .withShield(new Shield.Shares(1))
            .withProtection(null, Channel.GRADIENTS, Channel.WEIGHTS)
            .withNoise(new NoiseStrength.Multiplier(10));
    assertThat(notes(spec, ledger(10)))
        .hasSize(3)
        .last()
        .asString()
        .startsWith("noise on summed weight gradients is not removed");
  }

  @Test
  void without_noise_on_residuals_the_ratio_is_0() {
    Ledger open =
        PlantedRun.ledger(
            new Release(Channel.RESIDUALS, "conv2", 100, new Release.Uncovered("a test")));
    assertThat(notes(accounted(GROUP), open).getLast()).startsWith("noise is about 0.00 times");
  }

  @Test
  void the_whole_forecast_ends_with_the_summary_of_all_steps() {
    PrivacyForecast forecast = new PrivacyForecast(accounted(GROUP).training(), ledger(0.5));
    List<String> lines = forecast.lines();
    int after = lines.indexOf("after all steps:");
    assertThat(lines.subList(0, after)).isEqualTo(forecast.notes());
    assertThat(lines.subList(after + 1, lines.size()))
        .isEqualTo(
            new PrivacySummary(PrivacyStatement.of(ledger(0.5), new PldAccountant())).lines());
  }
}
