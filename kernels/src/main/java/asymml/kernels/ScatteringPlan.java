package asymml.kernels;

import java.util.Arrays;

/// What all scattering transforms of images of one size share: the torus, the wavelets on it, and
/// the averages. A lane stands for a channel and an orientation.
final class ScatteringPlan {
  private static final int LEAST_MARGIN = 4;

  final int height;
  final int width;
  final int channels;
  final int lanes;

  /// The torus of images.
  final Grid full;

  /// The torus of moduli at scale 1.
  final Grid half;

  /// The wavelets of scale 0, `[kx, ky, lane]`.
  final float[] fine;

  /// The wavelets of scale 1, `[kx, ky, lane]`.
  final float[] coarse;

  /// One wavelet of scale 1 in all lanes, for each orientation.
  final float[][] second;

  /// The real part of what shifts by half a pixel, `[kx, ky, lane]`.
  final float[] cosines;

  /// The imaginary part of what shifts by half a pixel.
  final float[] sines;

  /// A torus, or every second pixel of it.
  ///
  /// @param rows transform along y
  /// @param columns transform along x
  /// @param smoothY average along y
  /// @param smoothX average along x
  record Grid(Fourier rows, Fourier columns, Smoothing smoothY, Smoothing smoothX) {
    /// Pixels.
    int size() {
      return rows.length() * columns.length();
    }
  }

  /// Plans for a size of images.
  ///
  /// @param height H, a multiple of 4
  /// @param width W, a multiple of 4
  /// @param channels C
  ScatteringPlan(int height, int width, int channels) {
    this.height = height;
    this.width = width;
    this.channels = channels;
    lanes = Math.multiplyExact(channels, Scattering.ORIENTATIONS);
    int rows = torus(height);
    int columns = torus(width);
    full = grid(rows, columns, 1);
    half = grid(rows, columns, 2);
    double[][] fineFilters = filters(rows, columns, 0);
    double[][] coarseFilters = filters(rows, columns, 1);
    fine = perLane(fineFilters);
    coarse = perLane(coarseFilters);
    second = new float[Scattering.ORIENTATIONS][];
    for (int t = 0; t < Scattering.ORIENTATIONS; t++) {
      double[][] same = new double[Scattering.ORIENTATIONS][];
      Arrays.fill(same, coarseFilters[t]);
      second[t] = perLane(same);
    }
    cosines = new float[rows * columns * lanes];
    sines = new float[rows * columns * lanes];
    for (int i = 0; i < cosines.length; i++) {
      int x = i / lanes / rows;
      int y = i / lanes % rows;
      double angle = Math.PI * ((double) x / columns + (double) y / rows);
      cosines[i] = (float) Math.cos(angle);
      sines[i] = (float) Math.sin(angle);
    }
  }

  /// The smallest multiple of 4 with enough room that is a product of 2, 3 and 5.
  private static int torus(int length) {
    int size = length + 2 * LEAST_MARGIN;
    while (!isSmooth(size)) {
      size += Scattering.REDUCTION;
    }
    return size;
  }

  private static boolean isSmooth(int size) {
    int rest = size;
    for (int factor : new int[] {2, 3, 5}) {
      while (rest % factor == 0) {
        rest /= factor;
      }
    }
    return rest == 1;
  }

  private Grid grid(int rows, int columns, int step) {
    return new Grid(
        new Fourier(rows / step),
        new Fourier(columns / step),
        Smoothing.of(height, rows, step),
        Smoothing.of(width, columns, step));
  }

  /// The wavelets of a scale, scaled by what the inverse transforms lack.
  private static double[][] filters(int rows, int columns, int scale) {
    double[][] filters = new double[Scattering.ORIENTATIONS][];
    for (int t = 0; t < Scattering.ORIENTATIONS; t++) {
      filters[t] =
          new Morlet(Math.PI * t / Scattering.ORIENTATIONS, scale, scale == 1)
              .transform(rows, columns);
      for (int k = 0; k < filters[t].length; k++) {
        filters[t][k] /= (double) rows * columns;
      }
    }
    return filters;
  }

  private float[] perLane(double[][] filters) {
    float[] values = new float[filters[0].length * lanes];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) filters[i % Scattering.ORIENTATIONS][i / lanes];
    }
    return values;
  }
}
