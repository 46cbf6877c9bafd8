package asymml.kernels;

import java.util.function.IntUnaryOperator;

/// Batch and group norm by definition, in double precision: elements are split into sets that share
/// statistics, and every channel has a scale and a shift.
record NormOracle(
    int channels, int sets, IntUnaryOperator setOf, double epsilon, boolean fuseRelu) {

  static NormOracle batch(int channels, double epsilon, boolean fuseRelu) {
    return new NormOracle(channels, channels, i -> i % channels, epsilon, fuseRelu);
  }

  static NormOracle group(
      int batch, int pixels, int channels, int groups, double epsilon, boolean fuseRelu) {
    int width = channels / groups;
    return new NormOracle(
        channels,
        batch * groups,
        i -> i / (pixels * channels) * groups + i % channels / width,
        epsilon,
        fuseRelu);
  }

  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Statistics(double[] mean, double[] variance, int[] count) {}

  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Gradients(double[] dx, double[] dScale, double[] dShift) {}

  Statistics statistics(double[] x) {
    double[] mean = new double[sets];
    double[] variance = new double[sets];
    int[] count = new int[sets];
    for (int i = 0; i < x.length; i++) {
      mean[setOf.applyAsInt(i)] += x[i];
      count[setOf.applyAsInt(i)]++;
    }
    for (int s = 0; s < sets; s++) {
      mean[s] /= count[s];
    }
    for (int i = 0; i < x.length; i++) {
      int s = setOf.applyAsInt(i);
      variance[s] += (x[i] - mean[s]) * (x[i] - mean[s]) / count[s];
    }
    return new Statistics(mean, variance, count);
  }

  double[] forward(double[] x, double[] scale, double[] shift) {
    return forward(x, scale, shift, statistics(x));
  }

  double[] forward(double[] x, double[] scale, double[] shift, Statistics statistics) {
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      y[i] = scale[i % channels] * normalised(x, i, statistics) + shift[i % channels];
      if (fuseRelu) {
        y[i] = Math.max(0, y[i]);
      }
    }
    return y;
  }

  private double normalised(double[] x, int i, Statistics statistics) {
    int s = setOf.applyAsInt(i);
    return (x[i] - statistics.mean[s]) / Math.sqrt(statistics.variance[s] + epsilon);
  }

  Gradients backward(double[] x, double[] scale, double[] shift, double[] dy) {
    Statistics statistics = statistics(x);
    double[] y = forward(x, scale, shift, statistics);
    Gradients out = new Gradients(new double[x.length], new double[channels], new double[channels]);
    double[] meanGradient = new double[sets];
    double[] meanProduct = new double[sets];
    double[] g = dy.clone();
    for (int i = 0; i < x.length; i++) {
      if (fuseRelu && y[i] <= 0) {
        g[i] = 0;
      }
      double hat = normalised(x, i, statistics);
      int s = setOf.applyAsInt(i);
      out.dShift[i % channels] += g[i];
      out.dScale[i % channels] += g[i] * hat;
      meanGradient[s] += scale[i % channels] * g[i] / statistics.count[s];
      meanProduct[s] += scale[i % channels] * g[i] * hat / statistics.count[s];
    }
    for (int i = 0; i < x.length; i++) {
      int s = setOf.applyAsInt(i);
      double hat = normalised(x, i, statistics);
      out.dx[i] =
          (scale[i % channels] * g[i] - meanGradient[s] - hat * meanProduct[s])
              / Math.sqrt(statistics.variance[s] + epsilon);
    }
    return out;
  }

  /// The largest `1 / sqrt(variance + epsilon)`, by which rounding of x is magnified.
  double conditioning(double[] x) {
    double largest = 0;
    for (double variance : statistics(x).variance) {
      largest = Math.max(largest, 1 / Math.sqrt(variance + epsilon));
    }
    return largest;
  }
}
