package asymml.trusted.decompose;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ColumnsTest {
  @ParameterizedTest
  @CsvSource({"1, 1", "2, 2", "13, 3", "13, 13", "207, 16"})
  void orthonormal_columns_span_what_was_given(int rows, int count) {
    SplittableRandom random = Matrices.seeded(rows);
    double[][] given = Matrices.gaussian(random, count, rows);
    double[][] columns = Matrices.sum(given, 0, given);
    Columns.orthonormalize(columns, random);
    assertThat(Matrices.skew(columns)).isLessThan(1e-13);
    // Q Q^T leaves each given column where it is.
    double[][] projected =
        Matrices.product(Matrices.product(given, Matrices.transpose(columns)), columns);
    assertThat(Matrices.energy(Matrices.sum(projected, -1, given)))
        .isLessThan(1e-24 * Matrices.energy(given));
  }

  @Test
  void nearly_dependent_columns_stay_orthogonal_to_rounding() {
    SplittableRandom random = Matrices.seeded(3);
    double[][] columns = Matrices.gaussian(random, 6, 40);
    for (int j = 1; j < columns.length; j++) {
      columns[j] = columns[0].clone();
      columns[j][j] += 1e-4; // Gram-Schmidt once would leave errors of 1e-12
    }
    Columns.orthonormalize(columns, random);
    assertThat(Matrices.skew(columns)).isLessThan(1e-13);
  }

  @Test
  void zero_equal_and_tiny_columns_become_a_basis_of_full_rank() {
    SplittableRandom random = Matrices.seeded(4);
    double[][] columns = new double[5][5];
    columns[1][2] = 3;
    columns[2][2] = -7;
    columns[3][4] = 1e-200;
    Columns.orthonormalize(columns, random);
    assertThat(Matrices.skew(columns)).isLessThan(1e-13);
    assertThat(Math.abs(Columns.dot(columns[0], columns[1]))).isLessThan(1e-13);
  }

  @Test
  void tensors_are_read_and_written_by_column() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor matrix = Tensor.allocate(arena, 2, 3).copyFrom(new float[] {1, 2, 3, 4, 5, 6});
      double[][] columns = Columns.read(matrix);
      assertThat(columns).isEqualTo(new double[][] {{1, 4}, {2, 5}, {3, 6}});
      columns[1][0] = 9;
      Columns.write(columns, matrix);
      assertThat(matrix.toArray()).containsExactly(1, 9, 3, 4, 5, 6);
      assertThat(Columns.toDoubles(matrix.reshape(6))).containsExactly(1, 9, 3, 4, 5, 6);
    }
  }
}
