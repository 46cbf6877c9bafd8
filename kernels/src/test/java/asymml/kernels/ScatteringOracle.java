package asymml.kernels;

/// The scattering transform by its definition, in double precision: sums over pixels, no Fourier
/// transform. Slow.
final class ScatteringOracle {
  private static final int ORIENTATIONS = 8;
  private static final int REACH = 30; // e^-36 of a wavelet lies further out

  private final int height;
  private final int width;
  private final int rows;
  private final int columns;

  /// @param rows of the torus, at least eight more than the image's, a multiple of 4
  ScatteringOracle(int height, int width, int rows, int columns) {
    this.height = height;
    this.width = width;
    this.rows = rows;
    this.columns = columns;
  }

  /// The paths of one colour.
  ///
  /// @param image `[H, W]`
  /// @return `[81, H / 4, W / 4]`
  double[][] paths(double[] image) {
    double[] x = extended(image);
    double[][] paths = new double[81][];
    paths[0] = smooth(x, 1);
    for (int t = 0; t < ORIENTATIONS; t++) {
      double[] first = modulus(x, 0, t, 1);
      paths[1 + t] = smooth(first, 1);
      paths[9 + t] = smooth(modulus(x, 1, t, 2), 2);
      for (int u = 0; u < ORIENTATIONS; u++) {
        paths[17 + 8 * t + u] = smooth(modulus(first, 1, u, 2), 2);
      }
    }
    return paths;
  }

  private double[] extended(double[] image) {
    double[] x = new double[rows * columns];
    for (int i = 0; i < x.length; i++) {
      int y = reflect(i / columns - (rows - height) / 2, height);
      x[i] = image[y * width + reflect(i % columns - (columns - width) / 2, width)];
    }
    return x;
  }

  private static int reflect(int place, int length) {
    if (place < 0) {
      return -1 - place;
    }
    return place < length ? place : 2 * length - 1 - place;
  }

  /// `abs(x * psi)` at each pixel, or half a pixel beside every second one.
  private double[] modulus(double[] x, int scale, int orientation, int step) {
    double[][] psi = wavelet(scale, orientation, step == 1 ? 0 : 0.5);
    int outRows = rows / step;
    int outColumns = columns / step;
    double[] y = new double[outRows * outColumns];
    for (int i = 0; i < y.length; i++) {
      int row = i / outColumns * step;
      int column = i % outColumns * step;
      double re = 0;
      double im = 0;
      for (int k = 0; k < x.length; k++) {
        int dy = Math.floorMod(row - k / columns, rows);
        int dx = Math.floorMod(column - k % columns, columns);
        re += x[k] * psi[0][dy * columns + dx];
        im += x[k] * psi[1][dy * columns + dx];
      }
      y[i] = Math.hypot(re, im);
    }
    return y;
  }

  /// Real and imaginary part at pixels plus an offset, each place with all that lie a torus apart.
  private double[][] wavelet(int scale, int orientation, double offset) {
    double deviation = 0.8 * (1 << scale);
    double frequency = 3 * Math.PI / 4 / (1 << scale);
    double angle = Math.PI * orientation / ORIENTATIONS;
    double waves = 0;
    double envelopes = 0;
    double[][] psi = new double[2][rows * columns];
    double[] envelope = new double[rows * columns];
    for (int i = -REACH; i <= REACH; i++) {
      for (int k = -REACH; k <= REACH; k++) {
        double y = i + offset;
        double x = k + offset;
        double along = Math.cos(angle) * x + Math.sin(angle) * y;
        double across = Math.cos(angle) * y - Math.sin(angle) * x;
        double g =
            0.5
                / (2 * Math.PI * deviation * deviation)
                * Math.exp(-(along * along + 0.25 * across * across) / (2 * deviation * deviation));
        int at = Math.floorMod(i, rows) * columns + Math.floorMod(k, columns);
        psi[0][at] += g * Math.cos(frequency * along);
        psi[1][at] += g * Math.sin(frequency * along);
        envelope[at] += g;
        waves += g * Math.cos(frequency * along);
        envelopes += g;
      }
    }
    for (int i = 0; i < envelope.length; i++) {
      psi[0][i] -= waves / envelopes * envelope[i];
    }
    return psi;
  }

  /// Averages around pixels 1.5, 5.5, ... of the image.
  private double[] smooth(double[] x, int step) {
    int outColumns = width / 4;
    double[] y = new double[height / 4 * outColumns];
    for (int i = 0; i < y.length; i++) {
      double row = 4 * (i / outColumns) + 1.5 + (rows - height) / 2.0;
      double column = 4 * (i % outColumns) + 1.5 + (columns - width) / 2.0;
      double sum = 0;
      double weights = 0;
      for (int k = 0; k < x.length; k++) {
        double dy = step * (k / (columns / step)) + (step - 1) / 2.0 - row;
        double dx = step * (k % (columns / step)) + (step - 1) / 2.0 - column;
        double weight = gaussian(dy, rows) * gaussian(dx, columns);
        sum += weight * x[k];
        weights += weight;
      }
      y[i] = sum / weights;
    }
    return y;
  }

  private static double gaussian(double distance, int period) {
    double sum = 0;
    for (int k = -2; k <= 2; k++) {
      double d = distance + k * period;
      sum += Math.exp(-d * d / (2 * 1.6 * 1.6));
    }
    return sum;
  }
}
