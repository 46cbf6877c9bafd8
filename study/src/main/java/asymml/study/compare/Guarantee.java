package asymml.study.compare;

import asymml.privacy.Calibration;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyBudget;
import asymml.privacy.PrivacyEvent;
import asymml.privacy.SampledNoiseAccountant;
import asymml.privacy.SamplingRate;
import asymml.study.Decimal;
import java.util.Locale;

/// What a run's residuals are to promise, and the noise multiplier that it takes.
///
/// @param budget epsilon and delta
/// @param sampling how batches are drawn
/// @param noiseMultiplier z, of each release
public record Guarantee(PrivacyBudget budget, Sampling sampling, NoiseMultiplier noiseMultiplier) {
  /// The course of the run.
  ///
  /// @param rate q, of Poisson sampling
  /// @param epochs of the run
  /// @param steps in all epochs
  /// @param releases of a step about one example, all about the same draw
  public record Sampling(SamplingRate rate, int epochs, long steps, int releases) {
    /// The sampling of batches of one size.
    ///
    /// @param images of the training split, at least as many as a batch
    /// @param batch examples a step on average
    /// @param epochs of the run
    /// @param releases of a step about one example
    /// @return the course of the run
    public static Sampling of(int images, int batch, int epochs, int releases) {
      long steps = Math.multiplyExact((long) epochs, Math.ceilDiv(images, batch));
      return new Sampling(new SamplingRate((double) batch / images), epochs, steps, releases);
    }

    private PrivacyEvent run(NoiseMultiplier z) {
      PrivacyEvent step = new PrivacyEvent.SelfComposed(new PrivacyEvent.Gaussian(z), releases);
      return new PrivacyEvent.SelfComposed(new PrivacyEvent.PoissonSampled(rate, step), steps);
    }
  }

  /// Finds the noise multiplier, by the tight accountant.
  ///
  /// @param budget epsilon and delta
  /// @param sampling how batches are drawn
  /// @return the budget with the least noise that meets it
  /// @throws IllegalArgumentException if no noise is enough
  public static Guarantee of(PrivacyBudget budget, Sampling sampling) {
    return new Guarantee(
        budget,
        sampling,
        new Calibration(new SampledNoiseAccountant(new PldAccountant()), budget)
            .noiseMultiplier(sampling::run));
  }

  /// One line.
  ///
  /// @return budget, noise multiplier and sampling in words
  public String describe() {
    return String.format(
        Locale.ROOT,
        "epsilon %s at delta %s needs z = %.4g: %d releases a step, %d steps (%d epochs), Poisson"
            + " sampling at q = %.4g",
        Decimal.plain(budget.epsilon().value()),
        Decimal.plain(budget.delta().value()),
        noiseMultiplier.value(),
        sampling.releases,
        sampling.steps,
        sampling.epochs,
        sampling.rate.value());
  }
}
