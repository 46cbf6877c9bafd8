package asymml.trusted.decompose;

import asymml.kernels.Tensor;
import java.util.SplittableRandom;

/// A few columns of a tall matrix in double precision, one array a column: what the small dense
/// algebra of a basis works on.
final class Columns {
  /// A column that loses this much of its norm to the ones before it is linearly dependent on them
  /// to float32 precision; it is replaced by a random one.
  private static final double DEPENDENT = 1e-6;

  private Columns() {}

  static double[][] read(Tensor matrix) {
    int rows = matrix.length(0);
    int count = matrix.length(1);
    double[][] columns = new double[count][rows];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < count; j++) {
        columns[j][i] = matrix.get((long) i * count + j);
      }
    }
    return columns;
  }

  static void write(double[][] columns, Tensor matrix) {
    int count = columns.length;
    for (int j = 0; j < count; j++) {
      for (int i = 0; i < columns[j].length; i++) {
        matrix.set((long) i * count + j, (float) columns[j][i]);
      }
    }
  }

  static double[] toDoubles(Tensor vector) {
    double[] values = new double[Math.toIntExact(vector.size())];
    for (int i = 0; i < values.length; i++) {
      values[i] = vector.get(i);
    }
    return values;
  }

  static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  static void addScaled(double factor, double[] x, double[] y) {
    for (int i = 0; i < x.length; i++) {
      y[i] += factor * x[i];
    }
  }

  /// Gram-Schmidt, twice a column (once leaves rounding errors of the order of the condition
  /// number). Dependent columns become random ones: a basis of full rank is always possible, since
  /// there are at most as many columns as rows.
  static void orthonormalize(double[][] columns, SplittableRandom random) {
    for (int j = 0; j < columns.length; j++) {
      double[] column = columns[j];
      double before = Math.sqrt(dot(column, column));
      removeEarlier(columns, j);
      double norm = Math.sqrt(dot(column, column));
      while (!(norm > DEPENDENT * before) || before == 0) {
        for (int i = 0; i < column.length; i++) {
          column[i] = random.nextGaussian();
        }
        before = Math.sqrt(dot(column, column));
        removeEarlier(columns, j);
        norm = Math.sqrt(dot(column, column));
      }
      for (int i = 0; i < column.length; i++) {
        column[i] /= norm;
      }
    }
  }

  private static void removeEarlier(double[][] columns, int j) {
    for (int pass = 0; pass < 2; pass++) {
      for (int k = 0; k < j; k++) {
        addScaled(-dot(columns[k], columns[j]), columns[k], columns[j]);
      }
    }
  }
}
