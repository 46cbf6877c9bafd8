package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.function.ToDoubleFunction;

/// Checks a gradient against central differences of a double-precision function.
final class FiniteDifferences {
  private static final double STEP = 1e-6;

  private FiniteDifferences() {}

  /// Every coordinate, within the tolerance; the difference itself is good to about 1e-8.
  static void check(
      String what,
      ToDoubleFunction<double[]> function,
      double[] at,
      Tensor gradient,
      double tolerance) {
    for (int i = 0; i < at.length; i++) {
      double centre = at[i];
      at[i] = centre + STEP;
      double above = function.applyAsDouble(at);
      at[i] = centre - STEP;
      double below = function.applyAsDouble(at);
      at[i] = centre;
      assertThat((double) gradient.get(i))
          .as("%s[%d]", what, i)
          .isCloseTo((above - below) / (2 * STEP), within(tolerance));
    }
  }

  static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }
}
