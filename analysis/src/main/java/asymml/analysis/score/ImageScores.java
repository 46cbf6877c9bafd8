package asymml.analysis.score;

import asymml.analysis.Maps;

/// How much rebuilt images look like the true ones; both as pixels from 0 to 1.
public final class ImageScores {
  private static final int WINDOW = 8;
  private static final double C1 = 0.01 * 0.01;
  private static final double C2 = 0.03 * 0.03;

  private ImageScores() {}

  /// Peak signal to noise ratio, the mean over images. What lies outside of 0 to 1 is clipped.
  ///
  /// @param found `[N, H, W, C]`
  /// @param truth the same shape
  /// @return decibels
  public static double psnr(Maps found, Maps truth) {
    int size = truth.exampleSize();
    double sum = 0;
    for (int n = 0; n < truth.examples(); n++) {
      double squares = 0;
      for (int i = n * size; i < (n + 1) * size; i++) {
        double difference = pixel(found, i) - truth.values()[i];
        squares += difference * difference;
      }
      // 8-bit pixels cannot differ by less than this and differ.
      sum += -10 * Math.log10(Math.max(squares / size, 1e-10));
    }
    return sum / truth.examples();
  }

  /// Structural similarity (Wang et al., IEEE TIP 2004) with plain windows of 8x8 at every fourth
  /// place, the mean over windows, channels and images.
  ///
  /// @param found `[N, H, W, C]`, at least 8x8
  /// @param truth the same shape
  /// @return -1 to 1
  public static double ssim(Maps found, Maps truth) {
    double sum = 0;
    int count = 0;
    for (int n = 0; n < truth.examples(); n++) {
      for (int y = 0; y + WINDOW <= truth.height(); y += WINDOW / 2) {
        for (int x = 0; x + WINDOW <= truth.width(); x += WINDOW / 2) {
          for (int c = 0; c < truth.channels(); c++) {
            sum += ssim(found, truth, (n * truth.height() + y) * truth.width() + x, c);
            count++;
          }
        }
      }
    }
    return sum / count;
  }

  private static double ssim(Maps found, Maps truth, int position, int c) {
    double a = 0;
    double b = 0;
    double aa = 0;
    double bb = 0;
    double ab = 0;
    for (int k = 0; k < WINDOW * WINDOW; k++) {
      int p = position + k / WINDOW * truth.width() + k % WINDOW;
      double u = pixel(found, p * truth.channels() + c);
      double v = truth.values()[p * truth.channels() + c];
      a += u;
      b += v;
      aa += u * u;
      bb += v * v;
      ab += u * v;
    }
    int m = WINDOW * WINDOW;
    a /= m;
    b /= m;
    return (2 * a * b + C1)
        * (2 * (ab / m - a * b) + C2)
        / ((a * a + b * b + C1) * (aa / m - a * a + bb / m - b * b + C2));
  }

  private static double pixel(Maps found, int index) {
    return Math.clamp(found.values()[index], 0, 1);
  }
}
