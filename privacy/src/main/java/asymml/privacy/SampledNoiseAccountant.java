package asymml.privacy;

/// Another accountant's answer for noise as this program samples it: what the sampler leaves out
/// ([NoiseSampler]) is taken from delta. A release counts as one value; a [Ledger] knows how many
/// there are, and does the same by itself.
///
/// @param ideal answers for Gaussian noise of unbounded support
public record SampledNoiseAccountant(Accountant ideal) implements Accountant {
  @Override
  public Epsilon epsilon(PrivacyEvent event, Delta delta) {
    ideal.requireSupported(event);
    double left = NoiseSampler.NOISE.leftOut(event);
    if (left == 0) {
      return ideal.epsilon(event, delta);
    }
    double accounted = delta.value() - left;
    return accounted > 0
        ? ideal.epsilon(event, new Delta(Math.nextDown(accounted)))
        : Epsilon.INFINITE;
  }

  @Override
  public Delta delta(PrivacyEvent event, Epsilon epsilon) {
    double sum = ideal.delta(event, epsilon).value() + NoiseSampler.NOISE.leftOut(event);
    return new Delta(Math.min(1, Math.nextUp(sum)));
  }

  @Override
  public void requireSupported(PrivacyEvent event) {
    ideal.requireSupported(event);
  }
}
