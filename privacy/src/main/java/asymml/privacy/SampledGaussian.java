package asymml.privacy;

import java.util.Comparator;

/// One Gaussian release about a Poisson sample; at rate 1, about everybody.
///
/// @param rate q
/// @param noise z
record SampledGaussian(SamplingRate rate, NoiseMultiplier noise)
    implements Comparable<SampledGaussian> {
  private static final Comparator<SampledGaussian> ORDER =
      Comparator.comparing(SampledGaussian::rate).thenComparing(SampledGaussian::noise);

  @Override
  public int compareTo(SampledGaussian other) {
    return ORDER.compare(this, other);
  }
}
