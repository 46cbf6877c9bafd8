package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class DropoutTest {
  private static Tensor masked(Arena arena, int size, float rate, long seed) {
    Tensor ones = Tensor.allocate(arena, size);
    ones.fill(1);
    Tensor mask = Randoms.unset(arena, size);
    Dropout.forward(ones, mask, rate, seed);
    return mask;
  }

  @Test
  void kept_values_are_scaled_and_the_gradient_has_the_same_mask() {
    for (int size : new int[] {1, 7, 13, 207, 100003}) {
      try (Arena arena = Arena.ofConfined()) {
        Tensor mask = masked(arena, size, 0.25f, 7);
        Tensor dy = new Randoms(61).tensor(arena, size);
        Tensor dx = Randoms.unset(arena, size);
        Dropout.backward(dy, dx, 0.25f, 7);
        double[] expected = Expect.doubles(dy);
        for (int i = 0; i < size; i++) {
          assertThat(mask.get(i)).isIn(0f, 1 / 0.75f);
          expected[i] *= mask.get(i);
        }
        Expect.close("dx", dx, expected, 4 * Expect.EPS);
      }
    }
  }

  @Test
  void the_share_dropped_is_the_rate() {
    int size = 1_000_000;
    try (Arena arena = Arena.ofConfined()) {
      for (float rate : new float[] {0, 0.1f, 0.5f, 0.9f}) {
        double kept =
            Elementwise.sumOfSquares(masked(arena, size, rate, 62)) * (1 - rate) * (1 - rate);
        // Five deviations of a binomial: a false alarm in 1.7 million runs; the seed is fixed.
        double tolerance = 5 * Math.sqrt(rate * (1 - rate) / size) + 1e-6;
        assertThat(kept / size).isCloseTo(1 - rate, within(tolerance));
      }
    }
  }

  @Test
  void neighbours_chunks_and_seeds_are_independent() {
    int size = 4 * 65536;
    try (Arena arena = Arena.ofConfined()) {
      Tensor mask = masked(arena, size, 0.5f, 63);
      Tensor other = masked(arena, size, 0.5f, 64);
      // Agreements of two fair masks: deviation sqrt(n) / 2; five of them, seeds fixed.
      double tolerance = 2.5 * Math.sqrt(size);
      for (int lag : new int[] {1, 2, 16, 64, 512, 65536}) {
        assertThat(agreements(mask, mask, lag))
            .as("lag %d", lag)
            .isCloseTo((size - lag) / 2.0, within(tolerance));
      }
      assertThat(agreements(mask, other, 0)).isCloseTo(size / 2.0, within(tolerance));
    }
  }

  private static double agreements(Tensor a, Tensor b, int lag) {
    double count = 0;
    for (int i = lag; i < a.size(); i++) {
      count += a.get(i) == b.get(i - lag) ? 1 : 0;
    }
    return count;
  }

  @Test
  void the_mask_depends_on_seed_and_index_only() {
    int threads = Kernels.threads();
    try (Arena arena = Arena.ofConfined()) {
      float[] mask = masked(arena, 200_000, 0.5f, 65).toArray();
      Kernels.setThreads(threads + 2);
      assertThat(masked(arena, 200_000, 0.5f, 65).toArray()).isEqualTo(mask);
      assertThat(masked(arena, 13, 0.5f, 65).toArray()).isEqualTo(Arrays.copyOf(mask, 13));
    } finally {
      Kernels.setThreads(threads);
    }
  }

  @Test
  void a_rate_out_of_range_is_refused() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = Tensor.allocate(arena, 3);
      for (float rate : new float[] {-0.1f, 1, Float.NaN}) {
        assertThatThrownBy(() -> Dropout.forward(x, x, rate, 1))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("rate");
      }
    }
  }
}
