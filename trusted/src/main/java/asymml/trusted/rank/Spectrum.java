package asymml.trusted.rank;

import java.util.Arrays;

/// The singular values of a matrix.
final class Spectrum {
  private final double[] values;

  /// @param singularValues s, falling, all finite and at least 0; copied
  Spectrum(double... singularValues) {
    values = singularValues.clone();
    for (int j = 0; j < values.length; j++) {
      if (!(values[j] >= 0) || values[j] > (j == 0 ? Double.MAX_VALUE : values[j - 1])) {
        throw new IllegalArgumentException(
            "singular values are finite, at least 0, and fall: " + Arrays.toString(values));
      }
    }
  }

  /// How many there are, zeros among them.
  int size() {
    return values.length;
  }

  /// Whether the matrix is zero: it has no direction then, and nothing is to be said of it.
  boolean isZero() {
    return values.length == 0 || values[0] == 0;
  }

  /// `|A|^2`, the sum of squares.
  double energy() {
    return energyFrom(0);
  }

  /// The residual of [#energy] under the best approximation of a rank (Eckart-Young).
  double energyFrom(int rank) {
    double sum = 0;
    for (int j = values.length - 1; j >= rank; j--) { // the small ones first
      sum += values[j] * values[j];
    }
    return sum;
  }

  /// `p_j = s_j / sum s`.
  double[] normalised() {
    double sum = Arrays.stream(values).sum();
    return Arrays.stream(values).map(s -> s / sum).toArray();
  }

  /// The SVD-channel entropy `mu = -log2(sum p_j^2)` (3LegRace, arXiv 2110.01229): 0 for rank 1,
  /// `log2 r` for r equal values.
  double entropy() {
    double squares = Arrays.stream(normalised()).map(p -> p * p).sum();
    return -Math.log(squares) / Math.log(2);
  }

  /// `2^mu`, the effective number of channels.
  double effective() {
    return 1 / Arrays.stream(normalised()).map(p -> p * p).sum();
  }

  /// The fewest directions that hold a share of the energy.
  int rankOf(double share) {
    // Not (1 - share) of it: that is less than a tenth where the share is 0.9.
    double allowed = energy() - share * energy();
    int rank = 0;
    while (rank < values.length && energyFrom(rank) > allowed) {
      rank++;
    }
    return rank;
  }

  /// How many values stand above a threshold.
  int above(double threshold) {
    int count = 0;
    while (count < values.length && values[count] > threshold) {
      count++;
    }
    return count;
  }
}
