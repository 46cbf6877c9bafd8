package asymml.trusted.rank;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.List;

/// What the singular values of one place say, over some examples: of each example's feature map as
/// a matrix of channels by pixels. Examples whose map is zero do not count.
///
/// PRIVATE: statistics of private data.
///
/// @param examples how many count, at least 1
/// @param spectrum mean over examples of `p_j = s_j / sum s`, falling, to five digits
/// @param entropy median of the SVD-channel entropy `mu = -log2(sum p_j^2)`
/// @param effective median of `2^mu`, the effective number of channels
/// @param rank90 median of the fewest directions that hold 90 % of the energy
/// @param rank95 the same for 95 %
/// @param rank99 the same for 99 %
public record Figures(
    int examples,
    List<Double> spectrum,
    double entropy,
    double effective,
    int rank90,
    int rank95,
    int rank99) {
  private static final MathContext DIGITS = new MathContext(5);

  /// Copies the list.
  public Figures {
    spectrum = List.copyOf(spectrum);
  }

  /// @param spectra at least one, none zero
  static Figures of(List<Spectrum> spectra) {
    double[] mean = new double[spectra.getFirst().size()];
    for (Spectrum spectrum : spectra) {
      double[] p = spectrum.normalised();
      for (int j = 0; j < mean.length; j++) {
        mean[j] += p[j] / spectra.size();
      }
    }
    return new Figures(
        spectra.size(),
        Arrays.stream(mean).mapToObj(Figures::rounded).toList(),
        median(spectra.stream().mapToDouble(Spectrum::entropy).toArray()),
        median(spectra.stream().mapToDouble(Spectrum::effective).toArray()),
        medianRank(spectra, 0.90),
        medianRank(spectra, 0.95),
        medianRank(spectra, 0.99));
  }

  private static int medianRank(List<Spectrum> spectra, double share) {
    return median(spectra.stream().mapToInt(s -> s.rankOf(share)).toArray());
  }

  /// The middle value, or the mean of the two in the middle.
  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return (sorted[sorted.length / 2] + sorted[(sorted.length - 1) / 2]) / 2;
  }

  /// The middle value, or the larger of the two in the middle.
  static int median(int[] values) {
    int[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  private static double rounded(double value) {
    return new BigDecimal(value).round(DIGITS).doubleValue();
  }
}
