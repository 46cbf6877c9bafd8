package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;

/// Comparison of a float32 result with a double-precision oracle.
final class Expect {
  /// Unit roundoff of float32.
  static final double EPS = 0x1p-24;

  private Expect() {}

  /// Every element within an absolute tolerance.
  static void close(String what, Tensor actual, double[] expected, double tolerance) {
    assertThat(actual.size()).as(what).isEqualTo(expected.length);
    for (int i = 0; i < expected.length; i++) {
      double error = Math.abs(actual.get(i) - expected[i]);
      if (!(error <= tolerance)) {
        throw new AssertionError(
            "%s[%d] = %s, expected %s within %s"
                .formatted(what, i, actual.get(i), expected[i], tolerance));
      }
    }
  }

  /// The tolerance of a sum of n products of random sign and magnitude below 1. Partial sums stay
  /// below about 4 sqrt(n), so each of the n roundings is at most 4 eps sqrt(n), and roundings of
  /// random sign add up like sqrt(n): 4 eps n, in whatever order the sum is taken.
  static double ofSum(double n) {
    return 4 * EPS * (n + 4);
  }

  static double[] doubles(Tensor tensor) {
    double[] values = new double[(int) tensor.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = tensor.get(i);
    }
    return values;
  }
}
