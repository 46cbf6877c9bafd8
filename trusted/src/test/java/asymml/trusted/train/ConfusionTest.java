package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

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

  /// Counts of scikit-learn's user guide (classification metrics): actual [0, 1, 2, 2, 0],
  /// predicted [0, 0, 2, 1, 0], and a class without images.
  @Test
  void precision_recall_and_f1_are_those_of_the_counts() {
    Confusion confusion = new Confusion(4);
    int[] actual = {0, 1, 2, 2, 0};
    int[] predicted = {0, 0, 2, 1, 0};
    try (Arena arena = Arena.ofConfined()) {
      Tensor logits = Tensor.allocate(arena, 5, 4);
      for (int i = 0; i < 5; i++) {
        logits.set(i * 4L + predicted[i], 1);
      }
      confusion.add(logits, actual);
    }
    assertThat(confusion.precision(0)).isEqualTo(2.0 / 3);
    assertThat(confusion.precision(1)).isZero();
    assertThat(confusion.precision(2)).isEqualTo(1);
    assertThat(confusion.precision(3)).isNaN();
    assertThat(confusion.recall(0)).isEqualTo(1);
    assertThat(confusion.recall(1)).isZero();
    assertThat(confusion.recall(2)).isEqualTo(0.5);
    assertThat(confusion.recall(3)).isNaN();
    assertThat(confusion.f1(0)).isEqualTo(0.8);
    assertThat(confusion.f1(2)).isEqualTo(2.0 / 3);
    assertThat(confusion.f1(3)).isNaN();
    assertThat(confusion.balancedAccuracy()).isEqualTo(0.5);
    assertThat(confusion.macroF1()).isCloseTo((0.8 + 0 + 2.0 / 3) / 3, within(1e-12));
  }
}
