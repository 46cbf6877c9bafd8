package asymml.trusted.decompose;

import java.util.Arrays;

/// The oracle: all singular values of a matrix by one-sided Jacobi in double precision (Golub and
/// Van Loan, 8.6.3; Demmel and Veselic 1992). Slow and right: the product never uses it.
///
/// @param left one orthonormal column a singular value (0 where that is 0)
/// @param values falling
@SuppressWarnings("ArrayRecordComponent") // internal, never compared
record ExactSvd(double[][] left, double[] values) {
  private static final int MAX_SWEEPS = 60;
  private static final double CONVERGED = 1e-13;

  /// Factors a matrix.
  ///
  /// @param matrix `[rows][columns]`; read only
  static ExactSvd of(double[][] matrix) {
    // The rotations work on the fewer of rows and columns: those are orthogonalised.
    double[][] vectors =
        matrix.length < matrix[0].length ? copy(matrix) : Matrices.transpose(matrix);
    boolean converged = false;
    for (int sweep = 0; !converged; sweep++) {
      if (sweep == MAX_SWEEPS) {
        throw new AssertionError("Jacobi did not converge in " + MAX_SWEEPS + " sweeps");
      }
      converged = true;
      for (int p = 0; p < vectors.length; p++) {
        for (int q = p + 1; q < vectors.length; q++) {
          converged &= orthogonalize(vectors[p], vectors[q]);
        }
      }
    }
    Arrays.sort(vectors, (a, b) -> Double.compare(Columns.dot(b, b), Columns.dot(a, a)));
    double[] values = new double[vectors.length];
    for (int j = 0; j < values.length; j++) {
      values[j] = Math.sqrt(Columns.dot(vectors[j], vectors[j]));
      for (int i = 0; i < vectors[j].length && values[j] > 0; i++) {
        vectors[j][i] /= values[j];
      }
    }
    return new ExactSvd(vectors, values);
  }

  /// The energy that the best approximation of a rank leaves (Eckart and Young 1936).
  double energyBeyond(int rank) {
    double sum = 0;
    for (int j = values.length - 1; j >= rank; j--) {
      sum += values[j] * values[j];
    }
    return sum;
  }

  /// Rotates two vectors until they are orthogonal.
  ///
  /// @return whether they were
  private static boolean orthogonalize(double[] a, double[] b) {
    double aa = Columns.dot(a, a);
    double bb = Columns.dot(b, b);
    double ab = Columns.dot(a, b);
    if (Math.abs(ab) <= CONVERGED * Math.sqrt(aa * bb) || ab == 0) {
      return true;
    }
    double zeta = (bb - aa) / (2 * ab);
    double t = Math.copySign(1, zeta) / (Math.abs(zeta) + Math.hypot(1, zeta));
    double c = 1 / Math.hypot(1, t);
    double s = t * c;
    for (int i = 0; i < a.length; i++) {
      double ai = a[i];
      a[i] = c * ai - s * b[i];
      b[i] = s * ai + c * b[i];
    }
    return false;
  }

  private static double[][] copy(double[][] matrix) {
    return Arrays.stream(matrix).map(double[]::clone).toArray(double[][]::new);
  }
}
