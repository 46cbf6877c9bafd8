package asymml.trusted.rank;

import asymml.kernels.Tensor;
import asymml.trusted.boundary.NonFiniteException;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.QRDecomposition;
import org.hipparchus.linear.RealMatrix;
import org.hipparchus.linear.SingularValueDecomposition;

/// The singular value decomposition of one matrix in double precision, by Hipparchus: the tall
/// orientation `A = Q R` first, then the small square `R = P S V^T`; Q is never formed. The oracle
/// of the analysis, never of the product's path.
///
/// **Numerical rank.** Householder QR of an m x n matrix is exact for one that differs by at most
/// `c m n u |A|` (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., theorem 19.4, u
/// = 2^-53, norms are Frobenius'), and the SVD of R by no more. By Weyl's inequality computed
/// singular values differ from true ones by no more than that, so that one above [#tolerance] `= m
/// n 2^-52 |A|` (both errors, c = 1) is truly there. For an activation of 1024 x 64 that is 1.5e-11
/// of its norm: far below the 6e-8 of the float32 that it was computed in, far above what double
/// precision adds.
final class ExactSvd {
  private final double[][] rows;
  private final boolean tall;
  private final Spectrum spectrum;
  private final RealMatrix right; // of the tall orientation
  private final double tolerance;

  private ExactSvd(double[][] rows) {
    this.rows = rows;
    int m = rows.length;
    int n = rows[0].length;
    tall = m >= n;
    RealMatrix matrix = new Array2DRowRealMatrix(rows, false);
    RealMatrix square = triangle(tall ? matrix : matrix.transpose());
    SingularValueDecomposition svd = new SingularValueDecomposition(square);
    spectrum = new Spectrum(svd.getSingularValues());
    right = svd.getV();
    tolerance = rounding(m, n, Math.sqrt(spectrum.energy()));
  }

  private static RealMatrix triangle(RealMatrix a) {
    int n = a.getColumnDimension();
    return a.getRowDimension() == n
        ? a
        : new QRDecomposition(a).getR().getSubMatrix(0, n - 1, 0, n - 1);
  }

  /// Decomposes a matrix.
  ///
  /// @param rows `[m][n]`, finite; kept, not changed
  static ExactSvd of(double[][] rows) {
    return new ExactSvd(rows);
  }

  /// The bound above on the errors of computed singular values.
  static double rounding(int m, int n, double norm) {
    return (double) m * n * 0x1p-52 * norm;
  }

  /// One example's feature map.
  ///
  /// @param batch `[n, H, W, C]`
  /// @return `[P][C]`, that is `X_i^T`
  /// @throws NonFiniteException if a value is NaN or infinite: no decomposition would end
  static double[][] matrix(Tensor batch, int example) {
    float[] values = batch.examples(example, 1).toArray();
    int channels = batch.length(3);
    double[][] rows = new double[values.length / channels][channels];
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new NonFiniteException();
      }
      rows[i / channels][i % channels] = values[i];
    }
    return rows;
  }

  Spectrum spectrum() {
    return spectrum;
  }

  /// The error bound of the singular values.
  double tolerance() {
    return tolerance;
  }

  /// How many singular values are certainly not 0, if the matrix itself is known up to an error.
  ///
  /// @param noise a bound on that error's norm
  int rank(double noise) {
    return spectrum.above(tolerance + noise);
  }

  /// The best approximation of some rank, as factors: `X_T^T = maps channels^T`.
  ///
  /// The factors are projections of the matrix on right singular vectors, so that no small singular
  /// value divides.
  LowRank truncated(int rank) {
    int r = Math.min(rank, spectrum.size());
    double[][] vectors = new double[right.getRowDimension()][r];
    for (int i = 0; i < vectors.length; i++) {
      for (int j = 0; j < r; j++) {
        vectors[i][j] = right.getEntry(i, j);
      }
    }
    double[][] others =
        tall ? Dense.product(rows, vectors) : Dense.productTransposed(rows, vectors);
    return tall ? new LowRank(others, vectors) : new LowRank(vectors, others);
  }

  /// A matrix of known rank.
  static final class LowRank {
    private final double[][] maps;
    private final double[][] channels;

    /// @param maps `[P][r]`, r at least 1; kept
    /// @param channels `[C][r]`; kept
    LowRank(double[][] maps, double[][] channels) {
      this.maps = maps;
      this.channels = channels;
    }

    /// One map of pixels for each direction.
    ///
    /// @return `[P][r]`
    double[][] maps() {
      return maps;
    }

    /// What each direction is in channels.
    ///
    /// @return `[C][r]`
    double[][] channels() {
      return channels;
    }

    /// The number of directions.
    int rank() {
      return maps[0].length;
    }

    /// `[P][C]`, with a rounding error of at most [#formationError].
    double[][] product() {
      return Dense.product(maps, Dense.transpose(channels));
    }

    /// A bound on the norm of what rounding does to [#product]: each entry is a sum of r products,
    /// `|error| <= g(r) sum_j |maps_j| |channels_j|`.
    double formationError() {
      return Dense.gamma(rank()) * Dense.norm(maps) * Dense.norm(channels);
    }
  }
}
