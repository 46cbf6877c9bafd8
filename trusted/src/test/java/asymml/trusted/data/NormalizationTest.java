package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.draw.SplitMix64;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.Test;

class NormalizationTest {
  private static final Shape SHAPE = new Shape(5, 7, 3);

  private static ImageSet randomImages(int count) {
    SplitMix64 random = new SplitMix64(17);
    byte[] images = new byte[count * SHAPE.size()];
    for (int i = 0; i < images.length; i++) {
      images[i] = (byte) random.nextInt(40 + 80 * (i % 3));
    }
    return ImageSet.of(SHAPE, List.of("a"), new int[count], images);
  }

  @Test
  void normalised_images_have_mean_0_and_deviation_1_per_channel() {
    ImageSet images = randomImages(13);
    Normalization normalization = Normalization.of(images);
    double[] sum = new double[3];
    double[] squares = new double[3];
    try (Arena arena = Arena.ofConfined()) {
      Tensor out = Tensor.allocate(arena, 1, 5, 7, 3);
      for (int i = 0; i < images.size(); i++) {
        normalization.apply(SampleFiles.pixels(images, i), out);
        for (int j = 0; j < out.size(); j++) {
          sum[j % 3] += out.get(j);
          squares[j % 3] += (double) out.get(j) * out.get(j);
        }
      }
    }
    double count = 13.0 * SHAPE.pixels();
    for (int c = 0; c < 3; c++) {
      // 24-bit mean and deviation.
      assertThat(sum[c] / count).isCloseTo(0, within(1e-5));
      assertThat(squares[c] / count).isCloseTo(1, within(1e-5));
    }
  }

  @Test
  void a_constant_channel_is_centred_and_not_scaled() {
    Normalization normalization =
        Normalization.of(
            ImageSet.of(new Shape(1, 2, 1), List.of("a"), new int[1], new byte[] {51, 51}));
    assertThat(normalization).isEqualTo(new Normalization(new float[] {0.2f}, new float[] {1}));
    assertThat(normalization)
        .hasSameHashCodeAs(new Normalization(new float[] {0.2f}, new float[] {1}));
  }

  @Test
  void the_constant_one_is_the_same_for_all_images_and_spans_2_to_either_side() {
    Normalization constant = Normalization.constant(3);
    assertThat(constant.channels()).isEqualTo(3);
    assertThat(constant)
        .isEqualTo(
            new Normalization(new float[] {0.5f, 0.5f, 0.5f}, new float[] {0.25f, 0.25f, 0.25f}));
    try (Arena arena = Arena.ofConfined()) {
      Tensor out = Tensor.allocate(arena, 1, 1, 2, 3);
      constant.apply(new byte[] {0, 0, 0, (byte) 255, (byte) 255, (byte) 255}, out);
      assertThat(out.toArray()).containsExactly(-2f, -2f, -2f, 2f, 2f, 2f);
    }
  }

  @Test
  void bytes_are_unsigned() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor out = Tensor.allocate(arena, 1, 1, 2, 1);
      new Normalization(new float[] {0.5f}, new float[] {0.25f})
          .apply(new byte[] {(byte) 255, 0}, out);
      assertThat(out.toArray()).containsExactly(2f, -2f);
    }
  }

  @Test
  void arrays_are_copied_and_the_description_shows_no_values() {
    float[] mean = {0.5f};
    Normalization normalization = new Normalization(mean, new float[] {0.25f});
    mean[0] = 9;
    normalization.mean()[0] = 9;
    normalization.standardDeviation()[0] = 9;
    assertThat(normalization).isEqualTo(new Normalization(new float[] {0.5f}, new float[] {0.25f}));
    assertThat(normalization).hasToString("Normalization[1 channels]");
  }

  @Test
  void bad_statistics_and_sizes_are_refused() {
    float[] one = {1};
    assertThatThrownBy(() -> new Normalization(one, new float[] {0}))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Normalization(one, new float[] {Float.NaN}))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Normalization(new float[] {Float.NaN}, one))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Normalization(one, new float[2]))
        .isInstanceOf(IllegalArgumentException.class);
    try (Arena arena = Arena.ofConfined()) {
      Tensor out = Tensor.allocate(arena, 1, 1, 2, 1);
      assertThatThrownBy(() -> new Normalization(one, one).apply(new byte[3], out))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
