package asymml.analysis;

import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.SingularValueDecomposition;

/// Arithmetic of symmetric matrices `[n][n]` in double precision.
final class Symmetric {
  /// Rows that are read for a second moment: ample for 512 channels, and bounds the time.
  private static final int ROWS = 32_768;

  private Symmetric() {}

  /// `M^T M` of the matrix `[N H W, C]`, of at most [#ROWS] rows at equal distances.
  static double[][] secondMoment(Maps maps) {
    int c = maps.channels();
    int stride = Math.max(1, Math.ceilDiv(maps.positions(), ROWS));
    double[][] moment = new double[c][c];
    double[] row = new double[c];
    for (int p = 0; p < maps.positions(); p += stride) {
      for (int i = 0; i < c; i++) {
        row[i] = maps.values()[p * c + i];
      }
      addOuter(moment, row);
    }
    mirror(moment);
    return moment;
  }

  /// Adds `row row^T` to the lower triangle.
  static void addOuter(double[][] lower, double[] row) {
    for (int i = 0; i < row.length; i++) {
      double factor = row[i];
      double[] target = lower[i];
      for (int j = 0; j <= i; j++) {
        target[j] += factor * row[j];
      }
    }
  }

  /// Fills the upper triangle from the lower.
  static void mirror(double[][] lower) {
    for (int i = 0; i < lower.length; i++) {
      for (int j = 0; j < i; j++) {
        lower[j][i] = lower[i][j];
      }
    }
  }

  /// Eigenvalues, largest first, and their vectors, of a positive semi-definite matrix: its
  /// singular ones. Hipparchus' symmetric decomposition does not always converge where channels are
  /// dead.
  static SingularValueDecomposition eigen(double[][] matrix) {
    return new SingularValueDecomposition(new Array2DRowRealMatrix(matrix, false));
  }

  static double meanDiagonal(double[][] matrix) {
    double sum = 0;
    for (int i = 0; i < matrix.length; i++) {
      sum += matrix[i][i];
    }
    return sum / matrix.length;
  }

  /// Solves `(matrix + ridge I) X = right` by Cholesky; n^3/6 + n^2 columns multiply-adds. A pivot
  /// that rounding has made 0 or less is left out, as a pseudo-inverse would.
  ///
  /// @param matrix `[n][n]`, positive semi-definite, lower triangle read; not changed
  /// @param ridge at least 0
  /// @param right `[columns][n]`
  /// @return `[columns][n]`
  static double[][] solve(double[][] matrix, double ridge, double[][] right) {
    double[][] l = cholesky(matrix, ridge);
    double[][] x = new double[right.length][];
    for (int k = 0; k < right.length; k++) {
      x[k] = substitute(l, right[k]);
    }
    return x;
  }

  private static double[][] cholesky(double[][] matrix, double ridge) {
    int n = matrix.length;
    double[][] l = new double[n][];
    double tiny = 0x1p-50 * (meanDiagonal(matrix) + ridge);
    for (int i = 0; i < n; i++) {
      double[] row = new double[i + 1];
      l[i] = row;
      for (int j = 0; j <= i; j++) {
        double[] other = l[j];
        double sum = matrix[i][j] + (i == j ? ridge : 0);
        for (int k = 0; k < j; k++) {
          sum -= row[k] * other[k];
        }
        if (i == j) {
          row[i] = sum > tiny ? Math.sqrt(sum) : Double.POSITIVE_INFINITY;
        } else {
          row[j] = sum / other[j];
        }
      }
    }
    return l;
  }

  private static double[] substitute(double[][] l, double[] right) {
    double[] x = right.clone();
    for (int i = 0; i < x.length; i++) {
      double sum = x[i];
      for (int j = 0; j < i; j++) {
        sum -= l[i][j] * x[j];
      }
      x[i] = sum / l[i][i];
    }
    for (int i = x.length - 1; i >= 0; i--) {
      x[i] /= l[i][i];
      double known = x[i];
      for (int j = 0; j < i; j++) {
        x[j] -= l[i][j] * known;
      }
    }
    return x;
  }
}
