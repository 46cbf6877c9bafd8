package asymml.trusted.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.trusted.boundary.NonFiniteException;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ExactSvdTest {
  private static double[] values(ExactSvd svd) {
    double[] values = new double[svd.spectrum().size()];
    for (int j = 0; j < values.length; j++) {
      values[j] = Math.sqrt(svd.spectrum().energyFrom(j) - svd.spectrum().energyFrom(j + 1));
    }
    return values;
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "1, 13", "13, 1", "13, 13", "207, 16", "16, 207", "64, 64", "1024, 3"})
  void known_singular_values_come_back(int rows, int columns) {
    int n = Math.min(rows, columns);
    double[] s = new double[n];
    Arrays.setAll(s, j -> 3 * Math.pow(0.7, j));
    ExactSvd svd =
        ExactSvd.of(Known.withSingularValues(Known.seeded(rows + columns), rows, columns, s));
    for (int j = 0; j < n; j++) {
      // Of a small one only the part above the tolerance is known; squares halve the digits.
      assertThat(values(svd)[j]).isCloseTo(s[j], within(1e-7 * s[0]));
    }
    assertThat(svd.spectrum().energy())
        .isCloseTo(Arrays.stream(s).map(v -> v * v).sum(), within(1e-12 * s[0] * s[0]));
  }

  @ParameterizedTest
  @CsvSource({"30, 7", "7, 30", "12, 12"})
  void they_are_those_of_jacobi_rotations(int rows, int columns) {
    double[][] a = Known.gaussian(Known.seeded(5), rows, columns);
    double[] expected = Known.jacobi(a);
    double[] actual = values(ExactSvd.of(a));
    for (int j = 0; j < expected.length; j++) {
      assertThat(actual[j]).isCloseTo(expected[j], within(1e-9 * expected[0]));
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {1, 1e-20, 1e20})
  void a_numerical_rank_is_the_number_of_directions_at_any_scale(double scale) {
    SplittableRandom random = Known.seeded(6);
    for (int rank : new int[] {1, 2, 5, 16}) {
      double[] s = new double[rank];
      Arrays.setAll(s, j -> scale * Math.pow(0.1, j % 5));
      Arrays.sort(s);
      assertThat(ExactSvd.of(Known.withSingularValues(random, 300, 16, s)).rank(0)).isEqualTo(rank);
      assertThat(ExactSvd.of(Known.withSingularValues(random, 16, 300, s)).rank(0)).isEqualTo(rank);
    }
  }

  @Test
  void what_may_be_an_error_of_the_matrix_does_not_count() {
    ExactSvd svd =
        ExactSvd.of(Known.withSingularValues(Known.seeded(7), 40, 8, 1, 0.1, 0.01, 0.001));
    assertThat(svd.rank(0)).isEqualTo(4);
    assertThat(svd.rank(0.005)).isEqualTo(3);
    assertThat(svd.rank(2)).isZero();
    assertThat(ExactSvd.of(new double[5][3]).rank(0)).isZero();
    assertThat(ExactSvd.of(new double[5][3]).spectrum().isZero()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({"60, 9", "9, 60"})
  void truncation_leaves_the_first_directions_and_the_energy_of_the_others(int rows, int columns) {
    SplittableRandom random = Known.seeded(8);
    double[] s = {5, 4, 3, 2, 1, 0.5};
    double[][] left = Known.orthonormal(random, rows, s.length);
    double[][] right = Known.orthonormal(random, columns, s.length);
    double[][] a = Known.sum(s, left, right);
    ExactSvd svd = ExactSvd.of(a);
    for (int rank = 1; rank <= 6; rank++) {
      ExactSvd.LowRank part = svd.truncated(rank);
      assertThat(part.rank()).isEqualTo(rank);
      double[][] expected = Known.sum(Arrays.copyOf(s, rank), left, right);
      assertThat(Known.energy(Known.minus(part.product(), expected))).isLessThan(1e-24);
      // The explicit residual against the sum of squares.
      assertThat(Known.energy(Known.minus(a, part.product())))
          .isCloseTo(svd.spectrum().energyFrom(rank), within(1e-12));
    }
    assertThat(svd.truncated(100).rank()).isEqualTo(9);
  }

  @Test
  void the_formation_error_bounds_what_rounding_does() {
    // Sums that a double holds exactly, against a factor pair whose products it does not.
    SplittableRandom random = Known.seeded(9);
    ExactSvd.LowRank part =
        new ExactSvd.LowRank(Known.gaussian(random, 50, 20), Known.gaussian(random, 30, 20));
    double[][] product = part.product();
    double squares = 0;
    for (int p = 0; p < 50; p++) {
      for (int c = 0; c < 30; c++) {
        java.math.BigDecimal exact = java.math.BigDecimal.ZERO;
        for (int j = 0; j < 20; j++) {
          exact =
              exact.add(
                  new java.math.BigDecimal(part.maps()[p][j])
                      .multiply(new java.math.BigDecimal(part.channels()[c][j])));
        }
        double error = exact.subtract(new java.math.BigDecimal(product[p][c])).doubleValue();
        squares += error * error;
      }
    }
    assertThat(Math.sqrt(squares)).isPositive().isLessThan(part.formationError());
  }

  @Test
  void an_example_is_read_as_pixels_by_channels_and_must_be_finite() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = Tensor.allocate(arena, 2, 1, 2, 3);
      for (int i = 0; i < 12; i++) {
        x.set(i, i);
      }
      assertThat(ExactSvd.matrix(x, 1)).isDeepEqualTo(new double[][] {{6, 7, 8}, {9, 10, 11}});
      x.set(11, Float.NaN);
      assertThatThrownBy(() -> ExactSvd.matrix(x, 1)).isInstanceOf(NonFiniteException.class);
      assertThat(ExactSvd.matrix(x, 0)).hasDimensions(2, 3);
    }
  }
}
