package asymml.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class MapsTest {
  private static Maps counted(int n, int h, int w, int c) {
    float[] values = new float[n * h * w * c];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    return new Maps(n, h, w, c, values);
  }

  @Test
  void values_fill_the_axes() {
    assertThatThrownBy(() -> new Maps(2, 3, 4, 5, new float[119]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("119 values do not fill [2, 3, 4, 5]");
    assertThat(counted(2, 3, 4, 5)).hasToString("Maps[2, 3, 4, 5]");
  }

  @Test
  void a_tensor_is_copied_with_its_axes() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor tensor = Tensor.allocate(arena, 2, 1, 3, 2);
      tensor.set(11, 7);
      Maps maps = Maps.of(tensor);
      tensor.fill(0);
      assertThat(maps).hasToString("Maps[2, 1, 3, 2]");
      assertThat(maps.values()[11]).isEqualTo(7);
    }
  }

  @Test
  void sizes_follow_from_the_axes() {
    Maps maps = counted(2, 3, 4, 5);
    assertThat(maps.exampleSize()).isEqualTo(60);
    assertThat(maps.positions()).isEqualTo(24);
    assertThat(maps.zeros().values()).hasSize(120).containsOnly(0);
  }

  @Test
  void a_view_by_other_axes_shares_the_values() {
    Maps maps = counted(2, 3, 4, 5);
    Maps flat = maps.reshape(1, 1, 60);
    assertThat(flat).hasToString("Maps[2, 1, 1, 60]");
    flat.values()[3] = -1;
    assertThat(maps.values()[3]).isEqualTo(-1);
    assertThatThrownBy(() -> maps.reshape(2, 2, 2)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void slices_and_picks_are_copies_of_whole_examples() {
    Maps maps = counted(4, 1, 1, 2);
    Maps slice = maps.slice(1, 2);
    assertThat(slice.values()).containsExactly(2, 3, 4, 5);
    Maps picked = maps.pick(new int[] {3, 0, 2, 2}, 1, 3);
    assertThat(picked.values()).containsExactly(0, 1, 4, 5, 4, 5);
    slice.values()[0] = 100;
    picked.values()[0] = 100;
    assertThat(maps.values()).doesNotContain(100);
  }

  @Test
  void relu_and_mask_are_those_of_values_above_zero() {
    Maps maps = new Maps(1, 1, 1, 4, new float[] {-2, 0, 3, Float.MIN_VALUE});
    assertThat(maps.relu().values()).containsExactly(0, 0, 3, Float.MIN_VALUE);
    assertThat(maps.positive().values()).containsExactly(0, 0, 1, 1);
  }

  @Test
  void a_difference_is_taken_place_by_place_and_of_one_shape() {
    Maps maps = counted(1, 2, 2, 1);
    assertThat(maps.minus(maps).values()).containsOnly(0);
    assertThat(maps.minus(maps.zeros()).values()).isEqualTo(maps.values());
    assertThatThrownBy(() -> maps.minus(counted(1, 1, 2, 1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Maps[1, 1, 2, 1] cannot be taken off Maps[1, 2, 2, 1]");
  }

  @Test
  void centred_channels_have_mean_zero_each() {
    Maps centred = new Maps(2, 1, 2, 2, new float[] {1, 10, 2, 10, 3, 10, 6, 10}).centred();
    assertThat(centred.values()).containsExactly(-2, 0, -1, 0, 0, 0, 3, 0);
  }

  @Test
  void normalised_channels_have_variance_one_and_constant_ones_are_zero() {
    Maps maps = Planted.normal(new SplittableRandom(2), 3, 5, 2, 3);
    for (int i = 0; i < maps.values().length; i++) {
      maps.values()[i] = i % 3 == 1 ? 4 : 7 + 3 * maps.values()[i];
    }
    double[] sum = new double[3];
    double[] squares = new double[3];
    float[] values = maps.normalised().values();
    for (int i = 0; i < values.length; i++) {
      sum[i % 3] += values[i];
      squares[i % 3] += (double) values[i] * values[i];
    }
    for (int c = 0; c < 3; c++) {
      assertThat(sum[c] / 30).isCloseTo(0, within(1e-6));
      assertThat(squares[c] / 30).isCloseTo(c == 1 ? 0 : 1, within(1e-5));
    }
  }

  @Test
  void what_is_freed_of_a_span_has_no_part_in_it() {
    Maps maps = Planted.normal(new SplittableRandom(3), 2, 3, 3, 3);
    double half = Math.sqrt(0.5);
    double[][] basis = {{half, 0}, {half, 0}, {0, 1}};
    Maps rest = maps.without(basis);
    for (int p = 0; p < rest.positions(); p++) {
      float first = rest.values()[3 * p];
      float second = rest.values()[3 * p + 1];
      assertThat(first + second).isCloseTo(0, within(1e-6f));
      assertThat(rest.values()[3 * p + 2]).isCloseTo(0, within(1e-6f));
      float expected = (maps.values()[3 * p] - maps.values()[3 * p + 1]) / 2;
      assertThat(first).isCloseTo(expected, within(1e-6f));
    }
    assertThat(maps.without(new double[3][0]).values()).isEqualTo(maps.values());
    assertThat(maps.without(new double[0][]).values()).isEqualTo(maps.values());
  }
}
