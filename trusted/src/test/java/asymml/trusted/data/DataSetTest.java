package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Shape;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class DataSetTest {
  /// 60 images of 20 patients.
  private static DataSet patients() {
    Shape shape = new Shape(2, 2, 1);
    byte[] pixels = new byte[60 * shape.size()];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (byte) (i * 37 ^ i >> 3);
    }
    int[] labels = IntStream.range(0, 60).map(i -> i % 2).toArray();
    ImageSet images =
        ImageSet.of(shape, List.of("a", "b"), labels, pixels)
            .withGroups(IntStream.range(0, 60).mapToLong(i -> i / 3).toArray());
    return new DataSet("patients", images, images, Normalization.of(images), false, 0);
  }

  private static Set<Long> groups(ImageSet images) {
    Set<Long> groups = new HashSet<>();
    Arrays.stream(Objects.requireNonNull(images.groups())).forEach(groups::add);
    return groups;
  }

  @Test
  void no_group_is_both_trained_on_and_set_aside() {
    for (DataSet split :
        List.of(patients().withValidation(0.2, 3), patients().withIndependentValidation(0.3, 3))) {
      Set<Long> aside = groups(split.heldOut());
      Set<Long> trained = groups(split.train());
      assertThat(aside).isNotEmpty().doesNotContainAnyElementsOf(trained);
      assertThat(aside.size() + trained.size()).isEqualTo(20);
      assertThat(split.train().size() + split.heldOut().size()).isEqualTo(60);
    }
  }
}
