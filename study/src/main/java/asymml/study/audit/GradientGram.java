package asymml.study.audit;

import java.util.SplittableRandom;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.ArrayRealVector;
import org.hipparchus.linear.CholeskyDecomposition;

/// The inner products of the gradients of canaries, from sketches of them: each value is added with
/// a random sign to one of some thousand sums (Charikar, Chen and Farach-Colton, ICALP 2002), which
/// keeps inner products to a hundredth of the norms.
final class GradientGram {
  private static final int WIDTH = 1 << 13;

  /// Added to the squared norms, which are at most 1.
  private static final double RIDGE = 0.1;

  private final float[][] sketches;
  private final long seed;

  GradientGram(int canaries, long seed) {
    sketches = new float[canaries][WIDTH];
    this.seed = seed;
  }

  /// Adds a part of a canary's gradient.
  ///
  /// @param canary which
  /// @param parameter that it is the gradient by
  /// @param gradient its values
  /// @param length what they are divided by
  void add(int canary, String parameter, float[] gradient, double length) {
    SplittableRandom random = new SplittableRandom(seed ^ parameter.hashCode());
    float[] sketch = sketches[canary];
    for (float value : gradient) {
      int bits = random.nextInt();
      double own = value / length;
      if (Double.isFinite(own)) {
        sketch[bits & (WIDTH - 1)] += (float) (bits < 0 ? -own : own);
      }
    }
  }

  /// The weights of the gradients in a sum of them, from its products with each.
  ///
  /// @param products one for each canary
  /// @return as many
  double[] solve(double[] products) {
    int n = sketches.length;
    double[][] gram = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        gram[i][j] = product(sketches[i], sketches[j]);
        gram[j][i] = gram[i][j];
      }
      gram[i][i] += RIDGE;
    }
    return new CholeskyDecomposition(new Array2DRowRealMatrix(gram, false))
        .getSolver()
        .solve(new ArrayRealVector(products, false))
        .toArray();
  }

  private static double product(float[] a, float[] b) {
    // Four sums: one alone would wait for each addition.
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    for (int k = 0; k < a.length; k += 4) {
      s0 += (double) a[k] * b[k];
      s1 += (double) a[k + 1] * b[k + 1];
      s2 += (double) a[k + 2] * b[k + 2];
      s3 += (double) a[k + 3] * b[k + 3];
    }
    return s0 + s1 + (s2 + s3);
  }
}
