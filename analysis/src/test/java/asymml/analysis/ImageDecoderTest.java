package asymml.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.analysis.score.MapScores;
import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.model.Layer.BatchNorm;
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
}
