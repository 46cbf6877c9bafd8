package asymml.kernels;

/// Morlet wavelets in the frequency domain: a plane wave under a Gaussian envelope, less as much of
/// the envelope as makes its mean 0 (Bruna and Mallat 2013, arXiv 1203.1513), with the widths and
/// frequencies of the Kymatio library (Andreux et al. 2020, arXiv 1812.11214).
///
/// The wave of scale j has `3 pi / 4 / 2^j` radians a pixel, in the direction `cos(angle)` along x
/// and `sin(angle)` along y; its envelope has the standard deviation `0.8 2^j` pixels along that
/// direction and twice as much across it, and integral 1. The transform is real.
///
/// @param angle direction of the wave, in radians
/// @param scale j, at least 0
/// @param offset whether it is sampled half a pixel beside the pixels, in y and in x
record Morlet(double angle, int scale, boolean offset) {
  /// The standard deviation of envelopes at scale 0, in pixels.
  static final double WIDTH = 0.8;

  /// The frequency at scale 0, in radians a pixel.
  static final double FREQUENCY = 3 * Math.PI / 4;

  /// The standard deviation along the wave over that across it.
  static final double SLANT = 0.5;

  /// Sampling repeats the transform every 2 pi: so many times to each side it is above rounding.
  private static final int REPEATS = 3;

  /// Its transform on a torus: that of its samples, all of them.
  ///
  /// @param height pixels along y
  /// @param width pixels along x
  /// @return `[width, height]`, the frequencies along x first
  double[] transform(int height, int width) {
    double ratio = at(0, 0, true) / at(0, 0, false);
    double[] values = new double[height * width];
    for (int x = 0; x < width; x++) {
      for (int y = 0; y < height; y++) {
        double alongX = 2 * Math.PI * x / width;
        double alongY = 2 * Math.PI * y / height;
        values[x * height + y] = at(alongY, alongX, true) - ratio * at(alongY, alongX, false);
      }
    }
    return values;
  }

  /// The sampled envelope's transform, with the wave or without.
  private double at(double y, double x, boolean wave) {
    double sum = 0;
    for (int i = -REPEATS; i <= REPEATS; i++) {
      for (int k = -REPEATS; k <= REPEATS; k++) {
        double value = envelope(y + 2 * Math.PI * i, x + 2 * Math.PI * k, wave);
        sum += offset && (i + k) % 2 != 0 ? -value : value;
      }
    }
    return sum;
  }

  private double envelope(double y, double x, boolean wave) {
    double deviation = WIDTH * (1 << scale);
    double along = Math.cos(angle) * x + Math.sin(angle) * y;
    double across = Math.cos(angle) * y - Math.sin(angle) * x;
    double distance = along - (wave ? FREQUENCY / (1 << scale) : 0);
    double exponent = distance * distance + across * across / (SLANT * SLANT);
    return Math.exp(-deviation * deviation * exponent / 2);
  }
}
