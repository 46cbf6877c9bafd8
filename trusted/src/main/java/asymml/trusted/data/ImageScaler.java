package asymml.trusted.data;

import asymml.model.Shape;

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
    /// @param length of the source
    /// @param scaled its length after scaling
    /// @param size of the result, from the middle of that
    static Taps of(int length, int scaled, int size) {
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

  private static int scaled(int length, int shorter, int size) {
    return Math.toIntExact((long) size * length / shorter);
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
    int channels = shape.channels();
    if (height == size && width == size) {
      return image;
    }
    int shorter = Math.min(height, width);
    Taps columns = Taps.of(width, scaled(width, shorter, size), size);
    Taps rows = Taps.of(height, scaled(height, shorter, size), size);
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
