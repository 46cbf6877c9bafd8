package asymml.analysis;

import asymml.kernels.ConvShape;

/// A convolution and its gradients as their definition says.
///
/// @param shape with its batch
record NaiveConvolution(ConvShape shape) {
  private interface Term {
    void add(int x, int w, int y);
  }

  /// Calls for each product of an input and a weight, with their places and that of the output.
  private void eachProduct(Term term) {
    ConvShape s = shape;
    int c = s.inChannels();
    int window = s.kernelHeight() * s.kernelWidth();
    int positions = s.batch() * s.outHeight() * s.outWidth();
    for (int p = 0; p < positions; p++) {
      int ox = p % s.outWidth();
      int oy = p / s.outWidth() % s.outHeight();
      int n = p / s.outWidth() / s.outHeight();
      for (int k = 0; k < window; k++) {
        int iy = oy * s.stride() + k / s.kernelWidth() - s.padding();
        int ix = ox * s.stride() + k % s.kernelWidth() - s.padding();
        if (iy >= 0 && iy < s.height() && ix >= 0 && ix < s.width()) {
          int x = ((n * s.height() + iy) * s.width() + ix) * c;
          for (int o = 0; o < s.outChannels(); o++) {
            int w = (o * window + k) * c;
            for (int i = 0; i < c; i++) {
              term.add(x + i, w + i, p * s.outChannels() + o);
            }
          }
        }
      }
    }
  }

  double[] forward(double[] x, double[] w) {
    double[] y =
        new double[shape.batch() * shape.outHeight() * shape.outWidth() * shape.outChannels()];
    eachProduct((i, k, o) -> y[o] += x[i] * w[k]);
    return y;
  }

  double[] inputGradient(double[] dy, double[] w) {
    double[] dx = new double[shape.batch() * shape.height() * shape.width() * shape.inChannels()];
    eachProduct((i, k, o) -> dx[i] += dy[o] * w[k]);
    return dx;
  }

  double[] weightGradient(double[] x, double[] dy) {
    double[] dw =
        new double
            [shape.outChannels() * shape.kernelHeight() * shape.kernelWidth() * shape.inChannels()];
    eachProduct((i, k, o) -> dw[k] += dy[o] * x[i]);
    return dw;
  }
}
