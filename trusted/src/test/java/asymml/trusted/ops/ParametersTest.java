package asymml.trusted.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.model.Zoo;
import org.junit.jupiter.api.Test;

class ParametersTest {
  private static final Graph CNN = Zoo.build("cnn", new Shape(8, 8, 1), 3, Zoo.Norm.BATCH);

  @Test
  void they_start_as_the_initializer_says() {
    Initializer initializer = new Initializer(5);
    try (Parameters parameters = new Parameters(CNN, initializer, true)) {
      assertThat(parameters.all()).isEqualTo(CNN.parameters());
      for (Parameter p : parameters.all()) {
        assertThat(parameters.value(p.name()).shape()).isEqualTo(p.shape());
        assertThat(parameters.value(p.name()).toArray()).isEqualTo(initializer.values(p));
      }
    }
  }

  @Test
  void only_trained_ones_have_gradients_and_momentum_of_their_shape() {
    try (Parameters parameters = new Parameters(CNN, new Initializer(5), true)) {
      for (Parameter p : parameters.all()) {
        if (p.kind().trained()) {
          assertThat(parameters.gradient(p.name()).shape()).isEqualTo(p.shape());
          assertThat(parameters.velocity(p.name()).toArray()).containsOnly(0f);
        } else {
          assertThatThrownBy(() -> parameters.gradient(p.name())).hasMessageContaining(p.name());
          assertThatThrownBy(() -> parameters.velocity(p.name())).hasMessageContaining(p.name());
        }
      }
    }
  }

  @Test
  void for_inference_there_are_values_alone() {
    try (Parameters parameters = new Parameters(CNN, new Initializer(5), false)) {
      assertThat(parameters.value("fc.weight").size()).isEqualTo(3 * 64);
      assertThatThrownBy(() -> parameters.gradient("fc.weight"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("no such parameter: fc.weight");
    }
  }

  @Test
  void closed_ones_are_gone_and_may_be_closed_again() {
    Parameters parameters = new Parameters(CNN, new Initializer(5), true);
    Tensor weight = parameters.value("fc.weight");
    parameters.close();
    parameters.close();
    assertThatThrownBy(() -> weight.get(0)).isInstanceOf(IllegalStateException.class);
  }
}
