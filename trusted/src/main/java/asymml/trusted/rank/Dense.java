package asymml.trusted.rank;

/// Plain arithmetic of dense matrices `[rows][columns]` in double precision.
final class Dense {
  private Dense() {}

  /// `a b`.
  static double[][] product(double[][] a, double[][] b) {
    int columns = b.length == 0 ? 0 : b[0].length;
    double[][] c = new double[a.length][columns];
    for (int i = 0; i < a.length; i++) {
      for (int k = 0; k < b.length; k++) {
        double factor = a[i][k];
        for (int j = 0; j < columns; j++) {
          c[i][j] += factor * b[k][j];
        }
      }
    }
    return c;
  }

  /// `a^T b`.
  static double[][] productTransposed(double[][] a, double[][] b) {
    double[][] c = new double[a[0].length][b[0].length];
    for (int k = 0; k < a.length; k++) {
      for (int i = 0; i < c.length; i++) {
        double factor = a[k][i];
        for (int j = 0; j < b[k].length; j++) {
          c[i][j] += factor * b[k][j];
        }
      }
    }
    return c;
  }

  static double[][] transpose(double[][] a) {
    double[][] t = new double[a[0].length][a.length];
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j < t.length; j++) {
        t[j][i] = a[i][j];
      }
    }
    return t;
  }

  static double[] column(double[][] a, int column) {
    double[] values = new double[a.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = a[i][column];
    }
    return values;
  }

  /// The Frobenius norm.
  static double norm(double[][] a) {
    double sum = 0;
    for (double[] row : a) {
      for (double value : row) {
        sum += value * value;
      }
    }
    return Math.sqrt(sum);
  }

  /// Relative error bound of a sum of n products, `n u / (1 - n u)` (Higham, lemma 3.1).
  static double gamma(int n) {
    double nu = n * 0x1p-53;
    return nu / (1 - nu);
  }
}
