package asymml.trusted.decompose;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/// The best eigenpairs of a symmetric positive matrix within a subspace: with orthonormal columns Q
/// and `S = Q^T M Q = V D V^T`, the columns `Q V` with values D, falling.
///
/// @param columns orthonormal, by falling value
/// @param values the Ritz values, one a column
@SuppressWarnings("ArrayRecordComponent") // internal, never compared
record RayleighRitz(double[][] columns, double[] values) {
  private static final int MAX_SWEEPS = 60;

  /// Solves the small problem.
  ///
  /// @param q orthonormal columns
  /// @param image M applied to each of them
  static RayleighRitz of(double[][] q, double[][] image) {
    int n = q.length;
    double[][] s = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        s[i][j] = (Columns.dot(q[i], image[j]) + Columns.dot(q[j], image[i])) / 2;
      }
    }
    double[][] vectors = jacobi(s); // rows are eigenvectors
    Integer[] order = IntStream.range(0, n).boxed().toArray(Integer[]::new);
    Arrays.sort(order, Comparator.comparingDouble((Integer i) -> -s[i][i]));
    double[][] columns = new double[n][q.length == 0 ? 0 : q[0].length];
    double[] values = new double[n];
    for (int j = 0; j < n; j++) {
      values[j] = s[order[j]][order[j]];
      for (int k = 0; k < n; k++) {
        Columns.addScaled(vectors[order[j]][k], q[k], columns[j]);
      }
    }
    return new RayleighRitz(columns, values);
  }

  /// Cyclic Jacobi (Golub and Van Loan, 8.5): diagonalises s in place.
  private static double[][] jacobi(double[][] s) {
    int n = s.length;
    double[][] vectors = new double[n][n];
    for (int i = 0; i < n; i++) {
      vectors[i][i] = 1;
    }
    for (int sweep = 0; sweep < MAX_SWEEPS && offDiagonal(s) > 0; sweep++) {
      for (int p = 0; p < n; p++) {
        for (int q = p + 1; q < n; q++) {
          rotate(s, vectors, p, q);
        }
      }
    }
    return vectors;
  }

  private static double offDiagonal(double[][] s) {
    double off = 0;
    double all = 0;
    for (int i = 0; i < s.length; i++) {
      for (int j = 0; j < s.length; j++) {
        all += s[i][j] * s[i][j];
        off += i == j ? 0 : s[i][j] * s[i][j];
      }
    }
    return off > 1e-28 * all ? off : 0;
  }

  private static void rotate(double[][] s, double[][] vectors, int p, int q) {
    if (s[p][q] == 0) {
      return;
    }
    double tau = (s[q][q] - s[p][p]) / (2 * s[p][q]);
    double t = Math.copySign(1, tau) / (Math.abs(tau) + Math.hypot(1, tau));
    double c = 1 / Math.hypot(1, t);
    double sine = t * c;
    int n = s.length;
    for (int k = 0; k < n; k++) {
      double kp = s[k][p];
      double kq = s[k][q];
      s[k][p] = c * kp - sine * kq;
      s[k][q] = sine * kp + c * kq;
    }
    for (int k = 0; k < n; k++) {
      double pk = s[p][k];
      double qk = s[q][k];
      s[p][k] = c * pk - sine * qk;
      s[q][k] = sine * pk + c * qk;
      double vp = vectors[p][k];
      double vq = vectors[q][k];
      vectors[p][k] = c * vp - sine * vq;
      vectors[q][k] = sine * vp + c * vq;
    }
  }
}
