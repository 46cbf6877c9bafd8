package asymml.trusted.data;

import asymml.model.Shape;
import asymml.trusted.draw.SplitMix64;
import java.util.Arrays;

/// Scales images so that the shorter side has a given length, and cuts the middle out: with a
/// triangle filter that is as wide as the pixels of the result, so that nothing aliases (what
/// Pillow calls bilinear resizing). The sizes and the place of the cut are those of `Resize` and
/// `CenterCrop` of torchvision 0.20, in one step: the longer side is rounded down, and half of an
/// odd difference to the even number, so that an image that is only cut keeps its pixels.
final class ImageScaler {
  private ImageScaler() {}

  /// The filter's weights for each pixel of a result along one axis.
  ///
  /// @param first the first source pixel of each
  /// @param weights of it and those that follow; they add up to 1
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  private record Taps(int[] first, float[][] weights) {
    /// The same for a source that begins later.
    Taps from(int start) {
      return new Taps(Arrays.stream(first).map(i -> i + start).toArray(), weights);
    }

    /// @param length of the source
    /// @param scaled its length after scaling
    /// @param size of the result, from the middle of that
    static Taps of(int length, long scaled, int size) {
      double scale = length / (double) scaled;
      double before = Math.rint((scaled - size) / 2.0);
      double support = Math.max(1, scale);
      int[] first = new int[size];
      float[][] weights = new float[size][];
      for (int i = 0; i < size; i++) {
        double centre = (before + i + 0.5) * scale;
        int from = Math.max(0, (int) Math.ceil(centre - support - 0.5));
        int to = Math.min(length - 1, (int) Math.floor(centre + support - 0.5));
        float[] taps = new float[to - from + 1];
        double sum = 0;
        double[] exact = new double[taps.length];
        for (int j = 0; j < taps.length; j++) {
          exact[j] = Math.max(0, 1 - Math.abs(from + j + 0.5 - centre) / support);
          sum += exact[j];
        }
        for (int j = 0; j < taps.length; j++) {
          taps[j] = (float) (exact[j] / sum);
        }
        first[i] = from;
        weights[i] = taps;
      }
      return new Taps(first, weights);
    }
  }

  /// Of a thin image more than an int holds.
  private static long scaled(int length, int shorter, int size) {
    return (long) size * length / shorter;
  }

  /// Scales and cuts.
  ///
  /// @param image of any size
  /// @param size height and width of the result, at least 1
  /// @return the image itself if it has that size
  static DecodedImage fit(DecodedImage image, int size) {
    Shape shape = image.shape();
    int height = shape.height();
    int width = shape.width();
    if (height == size && width == size) {
      return image;
    }
    int shorter = Math.min(height, width);
    Taps columns = Taps.of(width, scaled(width, shorter, size), size);
    Taps rows = Taps.of(height, scaled(height, shorter, size), size);
    return scale(image, columns, rows, size);
  }

  /// A part of an image, which is scaled to a square: what lies around it is not looked at.
  ///
  /// @param image of any size
  /// @param crop which part
  /// @param size height and width of the result, at least 1
  static DecodedImage cut(DecodedImage image, Crop crop, int size) {
    Taps columns = Taps.of(crop.width, size, size).from(crop.left);
    Taps rows = Taps.of(crop.height, size, size).from(crop.top);
    return scale(image, columns, rows, size);
  }

  /// A part of an image.
  ///
  /// @param top its first row
  /// @param left its first column
  /// @param height at least 1
  /// @param width at least 1
  record Crop(int top, int left, int height, int width) {
    private static final int ATTEMPTS = 10;
    private static final double LEAST_AREA = 0.08;
    private static final double LEAST_RATIO = 3 / 4.0;
    private static final double MOST_RATIO = 4 / 3.0;

    /// A random part, as `RandomResizedCrop` of torchvision 0.20 draws it: its area is uniform
    /// between 0.08 and 1 of the image's, the logarithm of width by height is uniform between those
    /// of 3/4 and 4/3. If none of ten fits, the middle of the nearest ratio.
    ///
    /// @param random draws; how many it draws depends on the image
    /// @param height of the image
    /// @param width of the image
    static Crop draw(SplitMix64 random, int height, int width) {
      double area = (double) height * width;
      for (int i = 0; i < ATTEMPTS; i++) {
        double target = area * random.between(LEAST_AREA, 1);
        double ratio =
            StrictMath.exp(random.between(StrictMath.log(LEAST_RATIO), StrictMath.log(MOST_RATIO)));
        int w = (int) Math.rint(Math.sqrt(target * ratio));
        int h = (int) Math.rint(Math.sqrt(target / ratio));
        if (w > 0 && w <= width && h > 0 && h <= height) {
          int top = random.nextInt(height - h + 1);
          return new Crop(top, random.nextInt(width - w + 1), h, w);
        }
      }
      int h = Math.clamp((long) Math.rint(width / LEAST_RATIO), 1, height);
      int w = Math.clamp((long) Math.rint(height * MOST_RATIO), 1, width);
      return new Crop((height - h) / 2, (width - w) / 2, h, w);
    }
  }

  private static DecodedImage scale(DecodedImage image, Taps columns, Taps rows, int size) {
    int width = image.shape().width();
    int channels = image.shape().channels();
    int line = size * channels;
    int top = rows.first[0];
    int bottom = rows.first[size - 1] + rows.weights[size - 1].length;
    float[] narrow = new float[(bottom - top) * line];
    byte[] pixels = image.pixels();
    for (int y = top; y < bottom; y++) {
      for (int x = 0; x < size; x++) {
        float[] weights = columns.weights[x];
        for (int c = 0; c < channels; c++) {
          int from = (y * width + columns.first[x]) * channels + c;
          float sum = 0;
          for (int j = 0; j < weights.length; j++) {
            sum += weights[j] * (pixels[from + j * channels] & 0xFF);
          }
          narrow[(y - top) * line + x * channels + c] = sum;
        }
      }
    }
    byte[] fitted = new byte[size * line];
    for (int y = 0; y < size; y++) {
      float[] weights = rows.weights[y];
      for (int i = 0; i < line; i++) {
        float sum = 0;
        for (int j = 0; j < weights.length; j++) {
          sum += weights[j] * narrow[(rows.first[y] - top + j) * line + i];
        }
        fitted[y * line + i] = (byte) Math.clamp(Math.round(sum), 0, 255);
      }
    }
    return new DecodedImage(new Shape(size, size, channels), fitted);
  }
}
