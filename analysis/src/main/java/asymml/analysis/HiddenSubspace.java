package asymml.analysis;

import org.hipparchus.linear.SingularValueDecomposition;

/// Attack 4: which channel directions the low-rank part removed, from the residual.
///
/// A residual `X - B A^T` has nothing in the span of A, so the directions with the least energy of
/// what was sent are A's; noise of the same size in all directions does not move them, it only
/// lifts all energies alike. What comes out is the span that holds most of X: not X itself, but
/// with it what a candidate looks like where it was sent (attack 5).
///
/// Source: the noise subspace of a covariance, Schmidt, "Multiple Emitter Location and Signal
/// Parameter Estimation" (IEEE TAP 1986); for this scheme, known leak 5 of `docs/threat-model.md`.
///
/// Reads X as received. Public knowledge: the rank; the largest gap of the spectrum is given beside
/// it, to judge the guess of one who does not know it. Cost: `P C^2` for the second moment of at
/// most 32,768 positions, and an eigendecomposition of C x C.
public final class HiddenSubspace {
  /// What was found.
  ///
  /// @param basis `[C][r]`, orthonormal columns
  /// @param energies of the C directions, rising
  /// @param gap number of directions below the largest ratio of neighbouring energies
  @SuppressWarnings("ArrayRecordComponent") // Read by index, never compared.
  public record Result(double[][] basis, double[] energies, int gap) {}

  private HiddenSubspace() {}

  /// Looks for the span.
  ///
  /// @param sent `[N, H, W, C]`, one basis for all: a batch of a shared decomposition, one example
  ///   of a per-example one
  /// @param rank r, from 0 to C
  /// @return the r directions with the least energy
  public static Result find(Maps sent, int rank) {
    int c = sent.channels();
    if (rank < 0 || rank > c) {
      throw new IllegalArgumentException("rank " + rank + " of " + c + " channels");
    }
    SingularValueDecomposition eigen = Symmetric.eigen(Symmetric.secondMoment(sent));
    double[] energies = new double[c];
    double[][] basis = new double[c][rank];
    for (int j = 0; j < c; j++) {
      energies[j] = eigen.getSingularValues()[c - 1 - j];
      if (j < rank) {
        for (int i = 0; i < c; i++) {
          basis[i][j] = eigen.getV().getEntry(i, c - 1 - j);
        }
      }
    }
    return new Result(basis, energies, gap(energies));
  }

  private static int gap(double[] energies) {
    double smallest = 1e-14 * energies[energies.length - 1];
    int gap = 0;
    double largest = 0;
    for (int j = 1; j < energies.length; j++) {
      double ratio = (energies[j] + smallest) / (energies[j - 1] + smallest);
      if (ratio > largest) {
        largest = ratio;
        gap = j;
      }
    }
    return gap;
  }
}
