package asymml.privacy;

/// The exact cost of Gaussian mechanisms that are not subsampled: any number of them is one with
/// `1/z^2 = sum 1/z^2`, and its curve is known in closed form (Balle and Wang 2018, arXiv
/// 1805.06530, theorem 8). Stable up to an epsilon of 1e6 and beyond; rounded up.
public record GaussianAccountant() implements Accountant {
  @Override
  public Epsilon epsilon(PrivacyEvent event, Delta delta) {
    Composition composition = supported(event);
    return Answers.epsilon(
        composition,
        delta,
        () -> AnalyticGaussian.epsilon(1 / composition.unsampled().value(), delta.value()));
  }

  @Override
  public Delta delta(PrivacyEvent event, Epsilon epsilon) {
    Composition composition = supported(event);
    return Answers.delta(
        composition,
        epsilon,
        () -> AnalyticGaussian.delta(1 / composition.unsampled().value(), epsilon.value()));
  }

  @Override
  public void requireSupported(PrivacyEvent event) {
    var _ = supported(event);
  }

  private static Composition supported(PrivacyEvent event) {
    Composition composition = Composition.of(event);
    if (composition.isSampled()) {
      throw new IllegalArgumentException(
          "the analytic Gaussian accountant does not support Poisson sampling: use PLD or RDP");
    }
    return composition;
  }
}
