package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class WeightStandardizationTest {
  static Stream<int[]> shapes() {
    return Stream.of(
        new int[] {1, 3, 3, 1},
        new int[] {5, 1, 1, 2},
        new int[] {16, 3, 3, 3},
        new int[] {7, 1, 1, 33},
        new int[] {512, 3, 3, 64});
  }

  /// By definition, in double precision.
  private static double[] standardized(double[] weight, int filters) {
    int fan = weight.length / filters;
    double[] out = new double[weight.length];
    for (int o = 0; o < filters; o++) {
      double[] filter = Arrays.copyOfRange(weight, o * fan, (o + 1) * fan);
      double mean = Arrays.stream(filter).average().orElseThrow();
      double norm = Math.sqrt(Arrays.stream(filter).map(v -> (v - mean) * (v - mean)).sum());
      for (int i = 0; i < fan; i++) {
        out[o * fan + i] = (filter[i] - mean) / norm;
      }
    }
    return out;
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void each_filter_gets_mean_0_and_norm_1(int[] shape) {
    try (Arena arena = Arena.ofConfined()) {
      Tensor weight = new Randoms(shape[0]).tensor(arena, shape);
      Tensor hat = Randoms.unset(arena, shape);
      Tensor inverse = Randoms.unset(arena, shape[0]);
      WeightStandardization.forward(weight, hat, inverse);
      Expect.close("hat", hat, standardized(Expect.doubles(weight), shape[0]), 8 * Expect.EPS);
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void the_gradient_is_that_of_the_filters_before(int[] shape) {
    try (Arena arena = Arena.ofConfined()) {
      Randoms random = new Randoms(shape[0]);
      Tensor weight = random.tensor(arena, shape);
      Tensor hat = Randoms.unset(arena, shape);
      Tensor inverse = Randoms.unset(arena, shape[0]);
      WeightStandardization.forward(weight, hat, inverse);
      Tensor gradient = random.tensor(arena, shape);
      double[] outer = Expect.doubles(gradient);
      WeightStandardization.backward(hat, inverse, gradient);
      int fan = outer.length / shape[0];
      // One filter's outputs depend on no other filter.
      for (int o : new int[] {0, shape[0] - 1}) {
        double[] own = Arrays.copyOfRange(outer, o * fan, (o + 1) * fan);
        double[] filter = Arrays.copyOfRange(Expect.doubles(weight), o * fan, (o + 1) * fan);
        FiniteDifferences.check(
            "filter " + o,
            w -> FiniteDifferences.dot(own, standardized(w, 1)),
            filter,
            gradient.examples(o, 1),
            2e-5);
      }
    }
  }

  @Test
  void a_filter_of_equal_values_becomes_0() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor weight = Tensor.allocate(arena, 2, 3, 3, 4);
      weight.fill(0.25f);
      Tensor hat = Randoms.unset(arena, 2, 3, 3, 4);
      Tensor inverse = Randoms.unset(arena, 2);
      WeightStandardization.forward(weight, hat, inverse);
      assertThat(hat.toArray()).containsOnly(0f);
      WeightStandardization.backward(hat, inverse, weight);
      assertThat(weight.toArray()).containsOnly(0f);
    }
  }

  @Test
  void shapes_must_agree() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor weight = Tensor.allocate(arena, 2, 3, 3, 4);
      Tensor two = Tensor.allocate(arena, 2);
      Tensor three = Tensor.allocate(arena, 3);
      assertThatThrownBy(() -> WeightStandardization.forward(weight, weight, three))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("inverseNorms");
      assertThatThrownBy(() -> WeightStandardization.backward(weight, two, three))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("gradient");
    }
  }
}
