package asymml.kernels;

/// Normalises the scattering features of one image: each group of paths to mean 0 and variance 1
/// over its pixels and paths. Groups are path 0 of all colours, whose contrast is kept; and for
/// each colour the orientations of either scale, and the second orientations of each first one.
/// Paths of one group have values of one magnitude.
final class PathNorm {
  private static final double EPSILON = 1e-5;
  private static final int ORIENTATIONS = Scattering.ORIENTATIONS;

  private PathNorm() {}

  /// Normalises in place, with sums in float64.
  ///
  /// @param features address of `[P, 81 C]`
  /// @param pixels P
  /// @param channels C
  static void normalize(long features, int pixels, int channels) {
    normalize(features, pixels, channels, 0, Scattering.PATHS, channels);
    for (int c = 0; c < channels; c++) {
      for (int path = 1; path < Scattering.PATHS; path += ORIENTATIONS) {
        normalize(features, pixels, channels, c * Scattering.PATHS + path, 1, ORIENTATIONS);
      }
    }
  }

  /// Normalises the paths `first`, `first + step`, ..., so many of them.
  private static void normalize(
      long features, int pixels, int channels, int first, int step, int paths) {
    int row = channels * Scattering.PATHS;
    double sum = 0;
    double squares = 0;
    for (int p = 0; p < pixels; p++) {
      for (int i = 0; i < paths; i++) {
        double value = Lanes.get(features, (long) p * row + first + (long) i * step);
        sum += value;
        squares += value * value;
      }
    }
    double count = (double) pixels * paths;
    double mean = sum / count;
    double variance = Math.max(0, squares / count - mean * mean);
    double scale = 1 / Math.sqrt(variance + EPSILON);
    for (int p = 0; p < pixels; p++) {
      for (int i = 0; i < paths; i++) {
        long at = (long) p * row + first + (long) i * step;
        Lanes.set(features, at, (float) ((Lanes.get(features, at) - mean) * scale));
      }
    }
  }
}
