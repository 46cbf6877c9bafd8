package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

class GemmTest {
  private static final int[] SIZES = {1, 2, 13, 33, 207};

  @Test
  void every_transposition_equals_its_definition() {
    Randoms random = new Randoms(11);
    for (int m : SIZES) {
      for (int n : SIZES) {
        for (int k : new int[] {1, 3, 16, 65}) {
          for (int transpositions = 0; transpositions < 4; transpositions++) {
            check(random, m, n, k, (transpositions & 1) != 0, (transpositions & 2) != 0);
          }
        }
      }
    }
  }

  private static void check(Randoms random, int m, int n, int k, boolean ta, boolean tb) {
    try (Arena arena = Arena.ofConfined()) {
      Tensor a = random.tensor(arena, ta ? k : m, ta ? m : k);
      Tensor b = random.tensor(arena, tb ? n : k, tb ? k : n);
      Tensor c = random.tensor(arena, m, n);
      double[] expected = Expect.doubles(c);
      for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
          double sum = 0;
          for (int l = 0; l < k; l++) {
            sum += (double) a.get(ta ? l * m + i : i * k + l) * b.get(tb ? j * k + l : l * n + j);
          }
          expected[i * n + j] = 0.5 * sum - 2 * expected[i * n + j];
        }
      }
      Gemm.multiply(ta, tb, 0.5f, a, b, -2, c);
      Expect.close("c", c, expected, Expect.ofSum(k + 4));
    }
  }

  @Test
  void with_beta_zero_the_old_values_are_not_read() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor a = Tensor.allocate(arena, 3, 2).copyFrom(new float[] {1, 2, 3, 4, 5, 6});
      Tensor b = Tensor.allocate(arena, 2).copyFrom(new float[] {1, -1});
      Tensor c = Randoms.unset(arena, 3, 1);
      Gemm.multiply(false, false, 1, a, b.reshape(2, 1), 0, c);
      Expect.close("c", c, new double[] {-1, -1, -1}, 0);
    }
  }

  @Test
  void leading_axes_are_rows() {
    try (Arena arena = Arena.ofConfined()) {
      Randoms random = new Randoms(12);
      Tensor x = random.tensor(arena, 2, 3, 5, 7);
      Tensor basis = random.tensor(arena, 7, 4);
      Tensor y = Tensor.allocate(arena, 2, 3, 5, 4);
      Tensor flat = Tensor.allocate(arena, 30, 4);
      Gemm.multiply(false, false, 1, x, basis, 0, y);
      Gemm.multiply(false, false, 1, x.reshape(30, 7), basis, 0, flat);
      Expect.close("y", y, Expect.doubles(flat), 0);
    }
  }

  @Test
  void sizes_that_do_not_fit_are_refused() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor a = Tensor.allocate(arena, 3, 2);
      Tensor b = Tensor.allocate(arena, 3, 4);
      Tensor c = Tensor.allocate(arena, 3, 4);
      assertThatThrownBy(() -> Gemm.multiply(false, false, 1, a, b, 0, c))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("Tensor[3, 2]");
      assertThatThrownBy(() -> Gemm.multiply(true, false, 1, a, b, 0, c))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
