package asymml.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.hipparchus.linear.SingularValueDecomposition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SymmetricTest {
  private final SplittableRandom random = new SplittableRandom(6);

  /// `A A^T` of a random A with so many columns.
  private double[][] moment(int n, int columns) {
    double[][] a = new double[n][columns];
    for (double[] row : a) {
      for (int j = 0; j < columns; j++) {
        row[j] = random.nextGaussian();
      }
    }
    double[][] moment = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        for (int k = 0; k < columns; k++) {
          moment[i][j] += a[i][k] * a[j][k];
        }
      }
    }
    return moment;
  }

  private static double[] times(double[][] matrix, double[] x) {
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      for (int j = 0; j < x.length; j++) {
        y[i] += matrix[i][j] * x[j];
      }
    }
    return y;
  }

  @ParameterizedTest
  @CsvSource({"1, 0", "2, 0", "13, 0", "13, 0.5", "40, 1e-3"})
  void a_solution_times_the_matrix_is_the_right_side(int n, double ridge) {
    double[][] matrix = moment(n, n + 3);
    double[][] truth = new double[3][n];
    double[][] right = new double[3][];
    for (int k = 0; k < 3; k++) {
      for (int i = 0; i < n; i++) {
        truth[k][i] = random.nextGaussian();
      }
      right[k] = times(matrix, truth[k]);
      for (int i = 0; i < n; i++) {
        right[k][i] += ridge * truth[k][i];
      }
    }
    double[][] found = Symmetric.solve(matrix, ridge, right);
    for (int k = 0; k < 3; k++) {
      assertThat(found[k]).containsExactly(truth[k], within(1e-6));
    }
  }

  @Test
  void only_the_lower_triangle_is_read_and_nothing_is_written() {
    double[][] matrix = {{2, Double.NaN}, {1, 2}};
    double[][] right = {{4, 5}};
    assertThat(Symmetric.solve(matrix, 0, right)[0])
        .containsExactly(new double[] {1, 2}, within(1e-12));
    assertThat(matrix[0][0]).isEqualTo(2);
    assertThat(right[0]).containsExactly(4, 5);
  }

  @Test
  void a_direction_without_energy_is_left_out_of_a_solution() {
    double[][] twins = {{1, 1, 0}, {1, 1, 0}, {0, 0, 4}};
    double[] found = Symmetric.solve(twins, 0, new double[][] {{3, 3, 8}})[0];
    assertThat(times(twins, found)).containsExactly(new double[] {3, 3, 8}, within(1e-9));
    assertThat(Symmetric.solve(new double[3][3], 0, new double[][] {{0, 0, 0}})[0])
        .containsExactly(0, 0, 0);
  }

  @Test
  void a_large_ridge_shrinks_a_solution_to_the_right_side_over_it() {
    double[][] matrix = moment(5, 9);
    double[] found = Symmetric.solve(matrix, 1e9, new double[][] {{1, 2, 3, 4, 5}})[0];
    for (int i = 0; i < 5; i++) {
      assertThat(found[i] * 1e9).isCloseTo(i + 1, within(1e-6));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 8})
  void a_second_moment_is_the_sum_of_outer_products(int channels) {
    Maps maps = Planted.normal(random, 3, 4, 5, channels);
    double[][] found = Symmetric.secondMoment(maps);
    for (int i = 0; i < channels; i++) {
      for (int j = 0; j < channels; j++) {
        double sum = 0;
        for (int p = 0; p < maps.positions(); p++) {
          sum += (double) maps.values()[p * channels + i] * maps.values()[p * channels + j];
        }
        assertThat(found[i][j]).isCloseTo(sum, within(1e-9));
      }
    }
  }

  @Test
  void of_many_positions_every_so_manieth_is_read() {
    int positions = 3 * 32_768;
    Maps maps = new Maps(1, positions, 1, 1, new float[positions]);
    for (int p = 0; p < positions; p++) {
      maps.values()[p] = p % 3 == 0 ? 1 : 100;
    }
    assertThat(Symmetric.secondMoment(maps)[0][0]).isEqualTo(32_768);
  }

  @Test
  void triangles_mirror_and_diagonals_have_a_mean() {
    double[][] lower = {{1, 9, 9}, {2, 3, 9}, {4, 5, 8}};
    Symmetric.mirror(lower);
    assertThat(lower[0]).containsExactly(1, 2, 4);
    assertThat(lower[1]).containsExactly(2, 3, 5);
    assertThat(Symmetric.meanDiagonal(lower)).isEqualTo(4);
    double[][] sum = {{1, 7}, {2, 3}};
    Symmetric.addOuter(sum, new double[] {2, 3});
    assertThat(sum[0]).containsExactly(5, 7); // the upper triangle stays
    assertThat(sum[1]).containsExactly(8, 12);
  }

  @Test
  void eigenvalues_fall_and_belong_to_their_vectors() {
    double[][] matrix = moment(7, 5); // of rank 5
    SingularValueDecomposition eigen = Symmetric.eigen(matrix);
    double[] energies = eigen.getSingularValues();
    for (int j = 0; j < 7; j++) {
      double[] vector = eigen.getV().getColumn(j);
      double[] image = times(matrix, vector);
      for (int i = 0; i < 7; i++) {
        assertThat(image[i]).isCloseTo(energies[j] * vector[i], within(1e-9));
      }
      assertThat(energies[j]).isLessThanOrEqualTo(energies[Math.max(0, j - 1)]);
    }
    assertThat(energies[5]).isCloseTo(0, within(1e-9));
  }
}
