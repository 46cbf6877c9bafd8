package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Shape;
import asymml.trusted.draw.SplitMix64;
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

  @ParameterizedTest
  @CsvSource({"9,13,3,4,2,3,5,7", "13,9,1,6,0,0,13,9", "6,6,3,11,5,1,1,4", "40,31,3,7,9,2,30,29"})
  void a_part_is_scaled_as_an_image_of_its_own(
      int height, int width, int channels, int size, int top, int left, int h, int w) {
    DecodedImage image = random(height, width, channels);
    byte[] part = new byte[h * w * channels];
    for (int y = 0; y < h; y++) {
      System.arraycopy(
          image.pixels(),
          ((top + y) * width + left) * channels,
          part,
          y * w * channels,
          w * channels);
    }
    byte[] cut = ImageScaler.cut(image, new ImageScaler.Crop(top, left, h, w), size).pixels();
    double scaleY = h / (double) size;
    double scaleX = w / (double) size;
    for (int i = 0; i < cut.length; i++) {
      double centreY = (i / channels / size + 0.5) * scaleY;
      double centreX = (i / channels % size + 0.5) * scaleX;
      double sum = 0;
      double weights = 0;
      for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++) {
          double weight =
              Math.max(0, 1 - Math.abs(y + 0.5 - centreY) / Math.max(1, scaleY))
                  * Math.max(0, 1 - Math.abs(x + 0.5 - centreX) / Math.max(1, scaleX));
          sum += weight * (part[(y * w + x) * channels + i % channels] & 0xFF);
          weights += weight;
        }
      }
      assertThat(Math.abs((cut[i] & 0xFF) - sum / weights)).isLessThan(0.51);
    }
  }

  /// 4,000 draws from a fixed seed. In a square image a part of area a and ratio r fits if `a <= r
  /// <= 1 / a`: always up to 3/4, and above it with probability `ln(1 / a) / ln(4 / 3)`. The mean
  /// area of parts that fit is therefore not 0.54, the middle of the range, but 0.478, with a
  /// standard error of 0.0037; the mean logarithm of the ratio is 0 with one of 0.0026. Five of
  /// them are allowed: a false alarm in 1.7 million.
  @Test
  void random_parts_have_the_areas_and_ratios_of_torchvision() {
    SplitMix64 random = SplitMix64.of(18, 4);
    int draws = 4000;
    double area = 0;
    double ratio = 0;
    for (int i = 0; i < draws; i++) {
      // So large that rounding does not matter.
      ImageScaler.Crop crop = ImageScaler.Crop.draw(random, 1000, 1000);
      assertThat(crop.top() + crop.height()).isBetween(1, 1000);
      assertThat(crop.left() + crop.width()).isBetween(1, 1000);
      double share = crop.height() * (double) crop.width() / 1e6;
      assertThat(share).isBetween(0.079, 1.0);
      assertThat(crop.width() / (double) crop.height()).isBetween(0.745, 1.345);
      area += share / draws;
      ratio += Math.log(crop.width() / (double) crop.height()) / draws;
    }
    assertThat(area).isBetween(0.459, 0.497);
    assertThat(ratio).isBetween(-0.013, 0.013);
  }

  @ParameterizedTest
  @CsvSource({"1,100,1", "100,1,1", "1,1,1", "3,200,4"})
  void of_long_images_the_middle_is_taken(int height, int width, int longest) {
    for (int i = 0; i < 50; i++) {
      ImageScaler.Crop crop = ImageScaler.Crop.draw(SplitMix64.of(1, i), height, width);
      assertThat(Math.max(crop.height(), crop.width())).isBetween(1, longest);
    }
  }

  /// After scaling it would be longer than an int says.
  @Test
  void a_thin_image_is_scaled_like_any_other() {
    byte[] line = new byte[1 << 20];
    Arrays.fill(line, (byte) 77);
    DecodedImage fitted =
        ImageScaler.fit(new DecodedImage(new Shape(1, line.length, 1), line), 4096);
    assertThat(fitted.shape()).isEqualTo(new Shape(4096, 4096, 1));
    assertThat(fitted.pixels()[0]).isEqualTo((byte) 77);
    assertThat(fitted.pixels()[4096 * 4096 - 1]).isEqualTo((byte) 77);
  }
}
