package asymml.analysis;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.hipparchus.linear.SingularValueDecomposition;

/// How a layer's input is protected before it is sent, as an attacker imitates it on its own
/// images: the low-rank part is subtracted, the residual clipped and noised. Where a shared basis
/// is fitted to the private batch, the attacker fits one to a batch of its own.
///
/// The defender's basis comes from a few rounds of subspace iteration; the exact one used here
/// differs little from it (arXiv 2110.01229).
///
/// @param rank r, how many directions stay on the trusted side; 0 for none
/// @param shared whether a batch has one basis, and its channel mean stays too; else each example
///   has one of its own
/// @param noiseRatio noise over the size of a residual at the clip bound, the median of the batch;
///   0 for neither noise nor clipping
/// @param normalised whether each example is scaled to norm 1 before the noise, as under the masks
///   of two workers, where others are clipped
public record Withheld(int rank, boolean shared, double noiseRatio, boolean normalised) {
  /// An input that is sent whole and exact.
  public static final Withheld NOTHING = new Withheld(0, true, 0, false);

  /// The input of a layer at a single worker.
  ///
  /// @param rank r
  /// @param shared whether a batch has one basis
  /// @param noiseRatio noise over the size of a residual at the clip bound
  public Withheld(int rank, boolean shared, double noiseRatio) {
    this(rank, shared, noiseRatio, false);
  }

  /// Checks the ranges.
  public Withheld {
    if (rank < 0 || !(noiseRatio >= 0)) {
      throw new IllegalArgumentException(
          "rank and noise are at least 0: %s, %s".formatted(rank, noiseRatio));
    }
  }

  /// What is left of a batch before clipping and noise.
  ///
  /// @param x `[N, H, W, C]`, one batch
  /// @return new maps
  public Maps residual(Maps x) {
    if (rank == 0) {
      return x;
    }
    if (shared) {
      Maps centred = x.centred();
      return centred.without(principal(centred));
    }
    Maps result = x.zeros();
    int size = x.exampleSize();
    for (int n = 0; n < x.examples(); n++) {
      Maps one = x.slice(n, 1);
      System.arraycopy(one.without(principal(one)).values(), 0, result.values(), n * size, size);
    }
    return result;
  }

  /// The directions with most energy, `[C][r]`.
  private double[][] principal(Maps x) {
    SingularValueDecomposition eigen = Symmetric.eigen(Symmetric.secondMoment(x));
    int r = Math.min(rank, x.channels());
    double[][] basis = new double[x.channels()][r];
    for (int i = 0; i < basis.length; i++) {
      for (int j = 0; j < r; j++) {
        basis[i][j] = eigen.getV().getEntry(i, j);
      }
    }
    return basis;
  }

  /// Clips each example to the median of the norms, or scales it to 1, and adds noise.
  ///
  /// @param residual of a batch
  /// @param random of the noise; the attacker's own
  /// @return new maps, or `residual` if nothing is added
  public Maps noised(Maps residual, SplittableRandom random) {
    if (noiseRatio == 0) {
      return residual;
    }
    int size = residual.exampleSize();
    double[] norms = new double[residual.examples()];
    for (int n = 0; n < norms.length; n++) {
      double squares = 0;
      for (int i = n * size; i < (n + 1) * size; i++) {
        squares += (double) residual.values()[i] * residual.values()[i];
      }
      norms[n] = Math.sqrt(squares);
    }
    double bound = normalised ? 1 : median(norms);
    double sigma = noiseRatio * bound / Math.sqrt(size);
    Maps result = residual.zeros();
    for (int i = 0; i < residual.values().length; i++) {
      double norm = norms[i / size];
      double scale = norm > bound || (normalised && norm > 0) ? bound / norm : 1;
      result.values()[i] = (float) (scale * residual.values()[i] + sigma * random.nextGaussian());
    }
    return result;
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return (sorted[sorted.length / 2] + sorted[(sorted.length - 1) / 2]) / 2;
  }
}
