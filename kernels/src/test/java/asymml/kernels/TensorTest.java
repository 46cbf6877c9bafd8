package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

class TensorTest {
  @Test
  void examples_and_reshape_alias_the_memory() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor t = Tensor.allocate(arena, 3, 2, 2);
      Tensor second = t.examples(1, 1);
      second.fill(7);
      assertThat(t.get(4)).isEqualTo(7f);
      assertThat(t.reshape(12).get(7)).isEqualTo(7f);
      assertThat(t.get(8)).isZero();
    }
  }

  @Test
  void a_wrong_size_is_refused() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor t = Tensor.allocate(arena, 3, 2);
      assertThatThrownBy(() -> t.reshape(7)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> t.copyFrom(new float[5]))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> Tensor.allocate(arena, 3, 0))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
