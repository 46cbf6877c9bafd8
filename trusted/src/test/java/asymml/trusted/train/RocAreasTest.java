package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class RocAreasTest {
  /// Every pair of an image of the class and one of another, compared by its probability.
  @Test
  void areas_are_shares_of_pairs_in_the_right_order() {
    SplittableRandom random = new SplittableRandom(8);
    int classes = 3;
    int images = 40;
    int[] labels = random.ints(images, 0, classes).toArray();
    RocAreas areas = new RocAreas(classes, images);
    double[][] probabilities = new double[images][classes];
    try (Arena arena = Arena.ofConfined()) {
      Tensor logits = Tensor.allocate(arena, images, classes);
      for (int i = 0; i < images; i++) {
        double sum = 0;
        for (int c = 0; c < classes; c++) {
          // Few values, so that some are equal.
          int logit = random.nextInt(3);
          logits.set((long) i * classes + c, logit);
          probabilities[i][c] = Math.exp(logit);
          sum += probabilities[i][c];
        }
        for (int c = 0; c < classes; c++) {
          probabilities[i][c] = (float) (probabilities[i][c] / sum);
        }
      }
      areas.add(logits.examples(0, 15), Arrays.copyOf(labels, 15));
      areas.add(logits.examples(15, 25), Arrays.copyOfRange(labels, 15, 40));
    }
    for (int c = 0; c < classes; c++) {
      double right = 0;
      int pairs = 0;
      for (int i = 0; i < images; i++) {
        for (int j = 0; j < images; j++) {
          if (labels[i] == c && labels[j] != c) {
            pairs++;
            double difference = probabilities[i][c] - probabilities[j][c];
            right += Math.abs(difference) < 1e-6 ? 0.5 : difference > 0 ? 1 : 0;
          }
        }
      }
      assertThat(areas.area(c)).isCloseTo(right / pairs, within(1e-9));
    }
  }

  @Test
  void without_images_of_a_class_or_with_too_many_there_is_no_area() {
    RocAreas areas = new RocAreas(2, 2);
    try (Arena arena = Arena.ofConfined()) {
      Tensor logits = Tensor.allocate(arena, 2, 2);
      areas.add(logits, new int[] {1, 1});
      RocAreas many = new RocAreas(1 << 13, 1 << 12);
      many.add(logits, new int[] {0, 1});
      assertThat(many.areas()).containsOnly(Double.NaN);
    }
    assertThat(areas.areas()).containsOnly(Double.NaN);
  }
}
