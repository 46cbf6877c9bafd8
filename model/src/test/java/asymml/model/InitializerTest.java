package asymml.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class InitializerTest {
  private static final Initializer INITIALIZER = new Initializer(7);

  private static float[] weights(String model, String name) {
    Graph graph = Zoo.build(model, new Shape(32, 32, 3), 10, Zoo.Norm.GROUP);
    Parameter parameter =
        graph.parameters().stream().filter(p -> p.name().equals(name)).findFirst().orElseThrow();
    return INITIALIZER.values(parameter);
  }

  private static double variance(float[] values) {
    return IntStream.range(0, values.length)
        .mapToDouble(i -> values[i] * values[i])
        .average()
        .orElseThrow();
  }

  /// 64 channels of 3x3 windows.
  @Test
  void weights_in_front_of_rectifiers_have_twice_the_inverse_fan_out() {
    float[] values = weights("resnet18", "layer1.0.conv1.weight");
    assertThat(variance(values)).isCloseTo(2.0 / (9 * 64), within(1e-4));
  }

  /// 243 channels of 3x3 windows.
  @Test
  void weights_in_front_of_tanh_are_uniform_with_a_third_of_the_inverse_fan_in() {
    float[] values = weights("scatter-cnn", "conv1.weight");
    double bound = 1 / Math.sqrt(9 * 243);
    assertThat(variance(values)).isCloseTo(bound * bound / 3, within(2e-6));
    for (float value : values) {
      assertThat((double) value).isBetween(-bound, bound);
    }
  }

  @Test
  void values_depend_on_seed_and_name_alone() {
    Parameter parameter = Parameter.of("a.weight", Parameter.Kind.WEIGHT, 2, 3, 3, 4);
    float[] values = INITIALIZER.values(parameter);
    assertThat(INITIALIZER.values(parameter)).isEqualTo(values);
    assertThat(INITIALIZER.values(parameter.asFrozen())).isEqualTo(values);
    assertThat(new Initializer(8).values(parameter)).isNotEqualTo(values);
    assertThat(INITIALIZER.values(Parameter.of("b.weight", Parameter.Kind.WEIGHT, 2, 3, 3, 4)))
        .isNotEqualTo(values);
  }

  @Test
  void scales_and_variances_are_one_and_the_rest_zero() {
    for (Parameter.Kind kind : List.of(Parameter.Kind.SCALE, Parameter.Kind.RUNNING_VARIANCE)) {
      assertThat(INITIALIZER.values(Parameter.of("n", kind, 3))).containsOnly(1);
    }
    for (Parameter.Kind kind :
        List.of(Parameter.Kind.BIAS, Parameter.Kind.SHIFT, Parameter.Kind.RUNNING_MEAN)) {
      assertThat(INITIALIZER.values(Parameter.of("n", kind, 3))).containsOnly(0);
    }
  }
}
