package asymml.trusted.rank;

import asymml.kernels.ConvShape;

/// Convolution written out in double precision as a product with the matrix of patches.
final class Patches {
  private Patches() {}

  /// What each place of the output sees of an input.
  ///
  /// @param map `[P][C]`
  /// @param shape of the convolution, N = 1; its number of input channels does not matter
  /// @return `[P_out][kH kW C]`, zeros where the window hangs over the edge
  static double[][] of(double[][] map, ConvShape shape) {
    int channels = map[0].length;
    int outWidth = shape.outWidth();
    double[][] patches =
        new double[shape.outHeight() * outWidth]
            [shape.kernelHeight() * shape.kernelWidth() * channels];
    for (int p = 0; p < patches.length; p++) {
      int top = p / outWidth * shape.stride() - shape.padding();
      int left = p % outWidth * shape.stride() - shape.padding();
      for (int kh = 0; kh < shape.kernelHeight(); kh++) {
        for (int kw = 0; kw < shape.kernelWidth(); kw++) {
          int h = top + kh;
          int w = left + kw;
          if (h >= 0 && w >= 0 && h < shape.height() && w < shape.width()) {
            System.arraycopy(
                map[h * shape.width() + w],
                0,
                patches[p],
                (kh * shape.kernelWidth() + kw) * channels,
                channels);
          }
        }
      }
    }
    return patches;
  }

  /// The matrix of one map's patches.
  ///
  /// @param map P values
  /// @return `[P_out][k^2]`
  static double[][] ofMap(double[] map, ConvShape shape) {
    double[][] column = new double[map.length][1];
    for (int p = 0; p < map.length; p++) {
      column[p][0] = map[p];
    }
    return of(column, shape);
  }

  /// `W * X`.
  ///
  /// @param weights `[O][kH kW C]`
  /// @param map `[P][C]`
  /// @return `[P_out][O]`
  static double[][] convolve(double[][] weights, double[][] map, ConvShape shape) {
    double[][] patches = of(map, shape);
    double[][] y = new double[patches.length][weights.length];
    for (int p = 0; p < y.length; p++) {
      double[] patch = patches[p];
      for (int o = 0; o < weights.length; o++) {
        double[] filter = weights[o];
        double sum = 0;
        for (int q = 0; q < patch.length; q++) {
          sum += filter[q] * patch[q];
        }
        y[p][o] = sum;
      }
    }
    return y;
  }

  /// Mean over windows, padding not counted.
  ///
  /// @param map `[P][C]`
  /// @param shape of the windows, N = 1
  /// @return `[P_out][C]`
  static double[][] average(double[][] map, ConvShape shape) {
    int channels = map[0].length;
    int outWidth = shape.outWidth();
    double[][] y = new double[shape.outHeight() * outWidth][channels];
    for (int p = 0; p < y.length; p++) {
      int top = p / outWidth * shape.stride() - shape.padding();
      int left = p % outWidth * shape.stride() - shape.padding();
      int count = 0;
      for (int h = Math.max(0, top);
          h < Math.min(shape.height(), top + shape.kernelHeight());
          h++) {
        for (int w = Math.max(0, left);
            w < Math.min(shape.width(), left + shape.kernelWidth());
            w++) {
          count++;
          for (int c = 0; c < channels; c++) {
            y[p][c] += map[h * shape.width() + w][c];
          }
        }
      }
      for (int c = 0; c < channels; c++) {
        y[p][c] /= count;
      }
    }
    return y;
  }
}
