package asymml.trusted.split;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;

/// A linear layer from its definition, in double precision: `Y = W * X` is a sum of products of one
/// value of X and one of W, and its gradients are the same sum read the other ways round.
final class OracleLayer {
  private interface Product {
    void at(int x, int w, int y);
  }

  private OracleLayer() {}

  private static void eachProduct(ConvShape s, Product product) {
    int y = 0;
    for (int n = 0; n < s.batch(); n++) {
      for (int row = 0; row < s.outHeight(); row++) {
        for (int column = 0; column < s.outWidth(); column++) {
          for (int o = 0; o < s.outChannels(); o++, y++) {
            for (int i = 0; i < s.kernelHeight(); i++) {
              for (int j = 0; j < s.kernelWidth(); j++) {
                int h = row * s.stride() + i - s.padding();
                int v = column * s.stride() + j - s.padding();
                if (h < 0 || h >= s.height() || v < 0 || v >= s.width()) {
                  continue;
                }
                int x = ((n * s.height() + h) * s.width() + v) * s.inChannels();
                int w = ((o * s.kernelHeight() + i) * s.kernelWidth() + j) * s.inChannels();
                for (int c = 0; c < s.inChannels(); c++) {
                  product.at(x + c, w + c, y);
                }
              }
            }
          }
        }
      }
    }
  }

  /// `Y = W * X`.
  static double[] forward(ConvShape shape, double[] x, double[] w) {
    double[] y = new double[Math.toIntExact(Tensor.sizeOf(shape.outputAxes()))];
    eachProduct(shape, (i, j, k) -> y[k] += w[j] * x[i]);
    return y;
  }

  /// dX of dY.
  static double[] backwardData(ConvShape shape, double[] dy, double[] w) {
    double[] dx = new double[Math.toIntExact(Tensor.sizeOf(shape.inputAxes()))];
    eachProduct(shape, (i, j, k) -> dx[i] += w[j] * dy[k]);
    return dx;
  }

  /// dW of dY.
  static double[] backwardWeights(ConvShape shape, double[] x, double[] dy) {
    double[] dw = new double[Math.toIntExact(Tensor.sizeOf(shape.weightAxes()))];
    eachProduct(shape, (i, j, k) -> dw[j] += x[i] * dy[k]);
    return dw;
  }

  /// The sums over the examples' positions, of each channel.
  static double[] channelSums(double[] map, int channels) {
    double[] sums = new double[channels];
    for (int i = 0; i < map.length; i++) {
      sums[i % channels] += map[i];
    }
    return sums;
  }

  static double[] doubles(float[] values) {
    double[] copy = new double[values.length];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = values[i];
    }
    return copy;
  }

  static double[] doubles(Tensor tensor) {
    return doubles(tensor.toArray());
  }

  static double norm(double... values) {
    double squares = 0;
    for (double value : values) {
      squares += value * value;
    }
    return Math.sqrt(squares);
  }

  static double[] difference(double[] a, double[] b) {
    double[] difference = a.clone();
    for (int i = 0; i < difference.length; i++) {
      difference[i] -= b[i];
    }
    return difference;
  }
}
