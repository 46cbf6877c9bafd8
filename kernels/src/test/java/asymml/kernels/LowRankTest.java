package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LowRankTest {
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "13, 3, 2",
    "7, 16, 5",
    "5, 17, 1",
    "9, 64, 4",
    "3, 79, 33",
    "2, 128, 16",
    "4, 207, 7"
  })
  void the_residual_is_what_the_product_leaves(int rows, int columns, int rank) {
    try (Arena arena = Arena.ofConfined()) {
      Randoms random = new Randoms(rows * 1000 + columns);
      Tensor x = random.tensor(arena, rows, columns);
      Tensor b = random.tensor(arena, rows, rank);
      Tensor d = random.tensor(arena, rank, columns);
      Tensor out = Randoms.unset(arena, rows, columns);
      double[] expected = Expect.doubles(x);
      for (int i = 0; i < rows; i++) {
        for (int c = 0; c < columns; c++) {
          for (int j = 0; j < rank; j++) {
            expected[i * columns + c] -=
                (double) b.get((long) i * rank + j) * d.get((long) j * columns + c);
          }
        }
      }
      LowRank.residual(x, b, d, out);
      Expect.close("residual", out, expected, Expect.ofSum(rank));
      LowRank.residual(x, b, d, x);
      assertThat(x.toArray()).isEqualTo(out.toArray());
    }
  }

  @Test
  void the_last_column_becomes_one_and_no_other_changes() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor b = Randoms.unset(arena, 3, 2);
      b.set(0, 5);
      b.set(2, 6);
      b.set(4, 7);
      LowRank.onesLast(b);
      assertThat(b.toArray()).containsExactly(5, 1, 6, 1, 7, 1);
    }
  }

  @Test
  void shapes_must_fit() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = Tensor.allocate(arena, 4, 8);
      Tensor b = Tensor.allocate(arena, 4, 2);
      Tensor d = Tensor.allocate(arena, 2, 8);
      Stream.<Runnable>of(
              () -> LowRank.residual(Tensor.allocate(arena, 4, 7), b, d, x),
              () -> LowRank.residual(x, Tensor.allocate(arena, 4, 3), d, x),
              () -> LowRank.residual(x, b, d, Tensor.allocate(arena, 3, 8)))
          .forEach(
              call -> assertThatThrownBy(call::run).isInstanceOf(IllegalArgumentException.class));
    }
  }
}
