package asymml.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.score.MapScores;
import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.GroupNorm;
import java.lang.foreign.Arena;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Images of a few soft spots behind a first layer with random weights. The seed is fixed.
class ImageDecoderTest {
  private static final ConvShape FIRST = new ConvShape(1, 12, 12, 3, 16, 3, 3, 1, 1);
  private static final BatchNorm NORM = new BatchNorm(1e-5f, 0.1f);

  private final Arena arena = Arena.ofConfined();
  private final SplittableRandom random = new SplittableRandom(3);

  @AfterEach
  void free() {
    arena.close();
  }

  private Maps images(int count) {
    Maps images = new Maps(count, 12, 12, 3, new float[count * 432]);
    for (int n = 0; n < count; n++) {
      for (int spot = 0; spot < 5; spot++) {
        double cx = random.nextDouble(12);
        double cy = random.nextDouble(12);
        for (int i = 0; i < 432; i++) {
          int row = i / 36;
          int column = i / 3 % 12;
          double d = Math.hypot(column - cx, row - cy);
          images.values()[n * 432 + i] +=
              (float) (Math.cos(spot + i % 3 + cx) * Math.exp(-d * d / 8));
        }
      }
    }
    return images;
  }

  private Tensor weights() {
    return Planted.tensor(arena, Planted.normal(random, 16, 3, 3, 3));
  }

  @Test
  void masks_give_the_image_roughly_and_values_exactly() {
    Tensor w = weights();
    Maps known = images(24);
    Maps secret = images(6);
    Maps z = ImageDecoder.features(known, FIRST, w, NORM);
    Maps seen = ImageDecoder.features(secret, FIRST, w, NORM);
    Maps byMask = ImageDecoder.fit(known, z.positive(), 1).decode(seen.positive());
    assertThat(MapScores.cosine(byMask, secret)).isGreaterThan(0.6);
    assertThat(MapScores.reidentified(byMask, secret)).isEqualTo(1);
    Maps byValue = ImageDecoder.fit(known, z, 1).decode(seen);
    assertThat(MapScores.cosine(byValue, secret)).isGreaterThan(0.95);
  }

  /// The cosine of unrelated images of about 15 free values has deviation 0.3; the mean of 6, 0.12.
  /// Beyond 0.6 lies one seed in a million.
  @Test
  void features_of_noise_give_chance() {
    Tensor w = weights();
    Maps known = images(24);
    Maps secret = images(6);
    ImageDecoder decoder =
        ImageDecoder.fit(known, ImageDecoder.features(known, FIRST, w, NORM).positive(), 1);
    Maps noise = Planted.normal(random, 6, 12, 12, 16).positive();
    assertThat(Math.abs(MapScores.cosine(decoder.decode(noise), secret))).isLessThan(0.6);
  }

  @Test
  void features_of_other_positions_are_refused() {
    assertThatThrownBy(() -> ImageDecoder.fit(images(2), images(3), 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("differ in positions");
  }

  @Test
  void without_a_normalisation_features_are_the_layer_s_output() {
    Tensor w = weights();
    Maps known = images(2);
    float[] found = ImageDecoder.features(known, FIRST, w, null).values();
    double[] x = new double[known.values().length];
    for (int i = 0; i < x.length; i++) {
      x[i] = known.values()[i];
    }
    double[] kernel = new double[(int) w.size()];
    for (int i = 0; i < kernel.length; i++) {
      kernel[i] = w.get(i);
    }
    double[] expected = new NaiveConvolution(FIRST.withBatch(2)).forward(x, kernel);
    for (int i = 0; i < expected.length; i++) {
      assertThat(found[i]).isCloseTo((float) expected[i], within(1e-4f));
    }
  }

  @Test
  void a_group_of_an_example_is_normalised_by_itself() {
    Maps y = Planted.normal(random, 2, 3, 3, 4);
    for (int i = 0; i < y.values().length; i++) {
      y.values()[i] = y.values()[i] * (1 + i / 36) + i % 4;
    }
    float[] z = ImageDecoder.normalised(y, new GroupNorm(2, 1e-5f)).values();
    for (int set = 0; set < 4; set++) {
      double sum = 0;
      double squares = 0;
      for (int i = 0; i < 18; i++) {
        float value = z[set / 2 * 36 + i / 2 * 4 + set % 2 * 2 + i % 2];
        sum += value;
        squares += (double) value * value;
      }
      assertThat(sum / 18).isCloseTo(0, within(1e-5));
      assertThat(squares / 18).isCloseTo(1, within(1e-4));
    }
    assertThat(ImageDecoder.normalised(y, null)).isSameAs(y);
    assertThat(ImageDecoder.normalised(y, NORM).values()).isEqualTo(y.normalised().values());
  }

  @Test
  void features_that_say_nothing_give_the_mean() {
    Maps known = new Maps(8, 3, 3, 1, new float[72]);
    for (int i = 0; i < 72; i++) {
      known.values()[i] = 5 + (float) random.nextGaussian();
    }
    Maps silent = new Maps(8, 3, 3, 2, new float[144]);
    Maps found = ImageDecoder.fit(known, silent, 2).decode(silent.slice(0, 1));
    assertThat(found).hasToString("Maps[1, 3, 3, 1]");
    for (float value : found.values()) {
      assertThat(value).isCloseTo(5, within(0.6f)); // the mean of 54 samples: deviation 0.14
    }
  }

  @Test
  void a_pixel_is_found_in_the_window_around_it() {
    Maps known = withDarkEdge(Planted.normal(random, 8, 6, 6, 1));
    Maps secret = withDarkEdge(Planted.normal(random, 2, 6, 6, 1));
    ImageDecoder decoder = ImageDecoder.fit(known, shifted(known), 3);
    Maps found = decoder.decode(shifted(secret));
    assertThat(found.values()).containsExactly(secret.values(), within(0.01f));
  }

  private static Maps withDarkEdge(Maps maps) {
    for (int i = maps.width() - 1; i < maps.values().length; i += maps.width()) {
      maps.values()[i] = 0;
    }
    return maps;
  }

  /// Each row one place to the right; what stood in the last column is gone.
  private static Maps shifted(Maps maps) {
    Maps result = maps.zeros();
    for (int i = 0; i < maps.values().length; i++) {
      result.values()[i] = i % maps.width() == 0 ? 0 : maps.values()[i - 1];
    }
    return result;
  }

  @Test
  void the_same_seed_gives_the_same_decoder() {
    Maps known = images(4);
    Maps features = Planted.normal(random, 4, 12, 12, 3);
    assertThat(ImageDecoder.fit(known, features, 5).decode(features).values())
        .isEqualTo(ImageDecoder.fit(known, features, 5).decode(features).values());
  }
}
