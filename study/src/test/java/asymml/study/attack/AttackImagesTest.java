package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.Maps;
import asymml.session.DataSpec;
import asymml.session.Limit;
import asymml.trusted.data.DataSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class AttackImagesTest {
  private static DataSet data;

  @BeforeAll
  static void open() throws Exception {
    data =
        DataSpec.of("generated").withLimits(new Limit(16), new Limit(20)).open(1, (_, _, _) -> {});
  }

  @Test
  void pixels_come_back_from_normalised_images() {
    AttackImages images = new AttackImages(data.normalization());
    Maps pixels = images.pixels(images.of(data.train(), 3, 2));
    byte[] bytes = new byte[data.train().shape().size()];
    data.train().pixels(4, bytes);
    for (int i = 0; i < bytes.length; i += 97) {
      assertThat(pixels.values()[bytes.length + i])
          .isCloseTo(Byte.toUnsignedInt(bytes[i]) / 255f, within(1e-5f));
    }
  }

  @Test
  void the_mean_of_images_is_repeated() {
    Maps known = new Maps(2, 1, 1, 2, new float[] {1, 2, 3, 6});
    Maps mean = AttackImages.mean(known, 3);
    assertThat(mean.values()).containsExactly(2, 4, 2, 4, 2, 4);
    assertThat(mean.examples()).isEqualTo(3);
  }

  @Test
  void some_test_images_are_left_as_candidates() {
    assertThat(AttackTarget.publicImages(data, 100, 8)).isEqualTo(12);
    assertThat(AttackTarget.publicImages(data, 5, 8)).isEqualTo(5);
    assertThat(AttackTarget.publicImages(data, 100, 256)).isEqualTo(10);
  }
}
