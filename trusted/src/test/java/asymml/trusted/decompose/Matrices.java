package asymml.trusted.decompose;

import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.SplittableRandom;

/// Seeded matrices `[rows][columns]` in double precision for tests, and their plain arithmetic.
final class Matrices {
  private Matrices() {}

  /// A generator whose seed is printed.
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

  /// Like activations after a ReLU: correlated channels whose energy falls, none below 0.
  static Tensor activations(Arena arena, SplittableRandom random, int n, int h, int w, int c) {
    double[][] mixing = gaussian(random, c, c);
    for (int j = 0; j < c; j++) {
      Columns.addScaled(1.0 / (1 + j) - 1, mixing[j].clone(), mixing[j]);
    }
    double[][] x = product(gaussian(random, n * h * w, c), mixing);
    Tensor tensor = Tensor.allocate(arena, n, h, w, c);
    for (int i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) Math.max(0, 0.3 + x[i / c][i % c]));
    }
    return tensor;
  }

  static Tensor tensor(Arena arena, SplittableRandom random, int... shape) {
    Tensor tensor = Tensor.allocate(arena, shape);
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) random.nextDouble(-1, 1));
    }
    return tensor;
  }

  /// The values as `[size / columns][columns]`.
  static double[][] rows(Tensor tensor, int columns) {
    double[][] rows = new double[Math.toIntExact(tensor.size() / columns)][columns];
    for (int i = 0; i < tensor.size(); i++) {
      rows[i / columns][i % columns] = tensor.get(i);
    }
    return rows;
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

  static double[][] product(double[][] a, double[][] b) {
    double[][] c = new double[a.length][b[0].length];
    for (int i = 0; i < a.length; i++) {
      for (int k = 0; k < b.length; k++) {
        Columns.addScaled(a[i][k], b[k], c[i]);
      }
    }
    return c;
  }

  /// `a + factor b`.
  static double[][] sum(double[][] a, double factor, double[][] b) {
    double[][] sum = Arrays.stream(a).map(double[]::clone).toArray(double[][]::new);
    for (int i = 0; i < a.length; i++) {
      Columns.addScaled(factor, b[i], sum[i]);
    }
    return sum;
  }

  /// The sum of squares.
  static double energy(double[][] a) {
    return Arrays.stream(a).mapToDouble(row -> Columns.dot(row, row)).sum();
  }

  /// The mean row.
  static double[] mean(double[][] a) {
    double[] mean = new double[a[0].length];
    for (double[] row : a) {
      Columns.addScaled(1.0 / a.length, row, mean);
    }
    return mean;
  }

  /// Every row less the mean row.
  static double[][] centred(double[][] a) {
    double[] mean = mean(a);
    double[][] centred = new double[a.length][];
    for (int i = 0; i < a.length; i++) {
      centred[i] = a[i].clone();
      Columns.addScaled(-1, mean, centred[i]);
    }
    return centred;
  }

  /// The largest difference of the inner products of columns from those of an orthonormal set.
  static double skew(double[][] columns) {
    double worst = 0;
    for (int i = 0; i < columns.length; i++) {
      for (int j = 0; j < columns.length; j++) {
        double expected = i == j ? 1 : 0;
        worst = Math.max(worst, Math.abs(Columns.dot(columns[i], columns[j]) - expected));
      }
    }
    return worst;
  }
}
