package asymml.trusted.rank;

import java.util.Arrays;
import java.util.SplittableRandom;

/// Matrices `[rows][columns]` of which everything is known, and slow oracles.
final class Known {
  private Known() {}

  static SplittableRandom seeded(long seed) {
    System.out.println("seed " + seed);
    return new SplittableRandom(seed);
  }

  static double[][] gaussian(SplittableRandom random, int rows, int columns) {
    double[][] matrix = new double[rows][columns];
    for (double[] row : matrix) {
      Arrays.setAll(row, _ -> random.nextGaussian());
    }
    return matrix;
  }

  /// `[rows][columns]` with orthonormal columns, by Gram-Schmidt, twice.
  static double[][] orthonormal(SplittableRandom random, int rows, int columns) {
    double[][] q = transpose(gaussian(random, rows, columns));
    for (int j = 0; j < columns; j++) {
      for (int round = 0; round < 2; round++) {
        for (int k = 0; k < j; k++) {
          double dot = dot(q[j], q[k]);
          for (int i = 0; i < rows; i++) {
            q[j][i] -= dot * q[k][i];
          }
        }
      }
      double norm = Math.sqrt(dot(q[j], q[j]));
      for (int i = 0; i < rows; i++) {
        q[j][i] /= norm;
      }
    }
    return transpose(q);
  }

  /// `sum_j s_j left_j right_j^T` over the first columns.
  static double[][] sum(double[] s, double[][] left, double[][] right) {
    double[][] a = new double[left.length][right.length];
    for (int j = 0; j < s.length; j++) {
      for (int i = 0; i < a.length; i++) {
        for (int k = 0; k < a[i].length; k++) {
          a[i][k] += s[j] * left[i][j] * right[k][j];
        }
      }
    }
    return a;
  }

  static double[][] withSingularValues(
      SplittableRandom random, int rows, int columns, double... s) {
    return sum(s, orthonormal(random, rows, s.length), orthonormal(random, columns, s.length));
  }

  /// Singular values by one-sided Jacobi rotations (Hestenes 1958): no QR, no bidiagonal form.
  static double[] jacobi(double[][] matrix) {
    double[][] columns =
        matrix.length >= matrix[0].length
            ? transpose(matrix)
            : Arrays.stream(matrix).map(double[]::clone).toArray(double[][]::new);
    boolean rotated = true;
    for (int sweep = 0; sweep < 60 && rotated; sweep++) {
      rotated = false;
      for (int i = 0; i < columns.length; i++) {
        for (int j = i + 1; j < columns.length; j++) {
          rotated |= rotate(columns[i], columns[j]);
        }
      }
    }
    double[] s = Arrays.stream(columns).mapToDouble(c -> -Math.sqrt(dot(c, c))).sorted().toArray();
    return Arrays.stream(s).map(v -> -v).toArray();
  }

  private static boolean rotate(double[] a, double[] b) {
    double aa = dot(a, a);
    double bb = dot(b, b);
    double ab = dot(a, b);
    if (Math.abs(ab) <= 1e-15 * Math.sqrt(aa * bb)) {
      return false;
    }
    double zeta = (bb - aa) / (2 * ab);
    double t = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
    double c = 1 / Math.sqrt(1 + t * t);
    for (int i = 0; i < a.length; i++) {
      double x = a[i];
      a[i] = c * x - c * t * b[i];
      b[i] = c * t * x + c * b[i];
    }
    return true;
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

  static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  static double energy(double[][] a) {
    return Arrays.stream(a).mapToDouble(row -> dot(row, row)).sum();
  }

  static double[][] minus(double[][] a, double[][] b) {
    double[][] c = new double[a.length][];
    for (int i = 0; i < a.length; i++) {
      c[i] = a[i].clone();
      for (int j = 0; j < c[i].length; j++) {
        c[i][j] -= b[i][j];
      }
    }
    return c;
  }
}
