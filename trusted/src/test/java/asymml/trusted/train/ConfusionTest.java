package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

class ConfusionTest {
  @Test
  void images_count_for_their_class_and_the_first_largest_logit() {
    Confusion confusion = new Confusion(3);
    try (Arena arena = Arena.ofConfined()) {
      Tensor logits =
          Tensor.allocate(arena, 4, 3)
              .copyFrom(new float[] {1, 2, 0, 5, 5, 1, -3, -2, -1, 0, 0, 0});
      confusion.add(logits, new int[] {1, 0, 0, 2});
      confusion.add(logits.examples(0, 1), new int[] {2});
    }
    assertThat(confusion.count(1, 1)).isEqualTo(1);
    assertThat(confusion.count(0, 0)).isEqualTo(1);
    assertThat(confusion.count(0, 2)).isEqualTo(1);
    assertThat(confusion.count(2, 0)).isEqualTo(1);
    assertThat(confusion.count(2, 1)).isEqualTo(1);
    assertThat(confusion.total(0)).isEqualTo(2);
    assertThat(confusion.total(1)).isEqualTo(1);
    assertThat(confusion.total(2)).isEqualTo(2);
    assertThat(confusion.classes()).isEqualTo(3);
  }
}
