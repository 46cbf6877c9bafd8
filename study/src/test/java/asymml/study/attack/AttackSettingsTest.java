package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AttackSettingsTest {
  @ParameterizedTest
  @CsvSource({
    "0, 1, 16, 1, 'layers must be at least 1: 0'",
    "1, 0, 16, 1, 'the largest number of unknowns must be at least 1: 0'",
    "1, 1, 15, 1, 'public images must be at least 16: 15'",
    "1, 1, 16, 0, 'iterations of gradient inversion must be at least 1: 0'"
  })
  void each_number_has_a_least_value(
      int layers, int unknowns, int images, int iterations, String message) {
    assertThatThrownBy(() -> new AttackSettings(layers, unknowns, images, iterations))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void the_least_values_are_allowed() {
    assertThat(new AttackSettings(1, 1, 16, 1).layers()).isEqualTo(1);
  }
}
