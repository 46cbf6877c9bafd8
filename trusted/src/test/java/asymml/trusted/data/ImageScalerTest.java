package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Shape;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ImageScalerTest {
  private static DecodedImage random(int height, int width, int channels) {
    byte[] pixels = new byte[height * width * channels];
    new SplittableRandom(3).nextBytes(pixels);
    return new DecodedImage(new Shape(height, width, channels), pixels);
  }

  /// The definition, in double precision and without separating the axes.
  private static double expected(DecodedImage image, int size, int row, int column, int channel) {
    Shape shape = image.shape();
    int shorter = Math.min(shape.height(), shape.width());
    int scaledHeight = size * shape.height() / shorter;
    int scaledWidth = size * shape.width() / shorter;
    double scaleY = shape.height() / (double) scaledHeight;
    double scaleX = shape.width() / (double) scaledWidth;
    double centreY = (Math.rint((scaledHeight - size) / 2.0) + row + 0.5) * scaleY;
    double centreX = (Math.rint((scaledWidth - size) / 2.0) + column + 0.5) * scaleX;
    double sum = 0;
    double weights = 0;
    for (int y = 0; y < shape.height(); y++) {
      for (int x = 0; x < shape.width(); x++) {
        double weight =
            Math.max(0, 1 - Math.abs(y + 0.5 - centreY) / Math.max(1, scaleY))
                * Math.max(0, 1 - Math.abs(x + 0.5 - centreX) / Math.max(1, scaleX));
        int place = (y * shape.width() + x) * shape.channels() + channel;
        sum += weight * (image.pixels()[place] & 0xFF);
        weights += weight;
      }
    }
    return sum / weights;
  }

  @ParameterizedTest
  @CsvSource({"9,13,3,4", "13,9,1,4", "40,31,3,7", "5,6,3,11", "1,1,3,5", "6,1,1,3", "8,8,3,1"})
  void pixels_are_weighted_means_of_the_middle(int height, int width, int channels, int size) {
    DecodedImage image = random(height, width, channels);
    DecodedImage fitted = ImageScaler.fit(image, size);
    assertThat(fitted.shape()).isEqualTo(new Shape(size, size, channels));
    for (int i = 0; i < fitted.pixels().length; i++) {
      double expected =
          expected(image, size, i / channels / size, i / channels % size, i % channels);
      assertThat(Math.abs((fitted.pixels()[i] & 0xFF) - expected)).isLessThan(0.51);
    }
  }

  /// Where `CenterCrop` of torchvision 0.20 cuts: `int(round((length - size) / 2.0))`, and Python
  /// rounds halves to even numbers.
  @ParameterizedTest
  @CsvSource({"9,8,0", "10,8,1", "11,8,2", "12,8,2", "13,8,2", "15,8,4"})
  void an_image_that_is_only_cut_keeps_its_pixels(int length, int size, int before) {
    DecodedImage tall = random(length, size, 3);
    assertThat(ImageScaler.fit(tall, size).pixels())
        .isEqualTo(
            Arrays.copyOfRange(tall.pixels(), before * size * 3, (before + size) * size * 3));
    DecodedImage wide = random(size, length, 1);
    byte[] cut = ImageScaler.fit(wide, size).pixels();
    for (int i = 0; i < cut.length; i++) {
      assertThat(cut[i]).isEqualTo(wide.pixels()[i / size * length + before + i % size]);
    }
  }

  @Test
  void an_image_of_the_right_size_stays_and_one_colour_stays_one_colour() {
    DecodedImage image = random(6, 6, 3);
    assertThat(ImageScaler.fit(image, 6)).isSameAs(image);
    byte[] gray = new byte[50 * 70];
    Arrays.fill(gray, (byte) 201);
    byte[] fitted = ImageScaler.fit(new DecodedImage(new Shape(50, 70, 1), gray), 9).pixels();
    assertThat(fitted).containsOnly((byte) 201);
  }

  /// A pattern finer than the result's pixels becomes gray, and no coarser pattern.
  @Test
  void nothing_aliases() {
    int side = 64;
    byte[] stripes = new byte[side * side];
    for (int i = 0; i < stripes.length; i++) {
      stripes[i] = (byte) (i % 2 == 0 ? 0 : 255);
    }
    DecodedImage fitted = ImageScaler.fit(new DecodedImage(new Shape(side, side, 1), stripes), 15);
    for (byte pixel : fitted.pixels()) {
      assertThat(pixel & 0xFF).isBetween(115, 140);
    }
  }
}
