package asymml.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// Averages along one axis of a torus under a Gaussian, at every fourth pixel: a matrix `[outputs,
/// samples]` that is nearly 0 but for a band in each row.
///
/// @param outputs rows
/// @param samples columns
/// @param weights of sum 1 in each row
/// @param from the first column of each row's band
/// @param to behind the last column of each row's band
@SuppressWarnings("ArrayRecordComponent") // Not compared.
record Smoothing(int outputs, int samples, float[] weights, int[] from, int[] to) {
  /// The standard deviation, in pixels.
  private static final double DEVIATION = 1.6;

  /// Smaller values of the Gaussian are beyond float32.
  private static final double SMALLEST = 1e-9;

  /// Averages around pixels 1.5, 5.5, ... of an image in the middle of a torus.
  ///
  /// @param length pixels of the image
  /// @param torus pixels of the torus
  /// @param step 1 where each pixel of the torus has a value, 2 where there are values half a pixel
  ///   beside every second one
  static Smoothing of(int length, int torus, int step) {
    int outputs = length / Scattering.REDUCTION;
    int samples = torus / step;
    int margin = (torus - length) / 2;
    float[] weights = new float[outputs * samples];
    int[] from = new int[outputs];
    int[] to = new int[outputs];
    for (int o = 0; o < outputs; o++) {
      double[] row = new double[samples];
      double sum = 0;
      from[o] = samples;
      for (int n = 0; n < samples; n++) {
        double position = step * n + (step - 1) / 2.0;
        row[n] = gaussian(position - (margin + Scattering.REDUCTION * o + 1.5), torus);
        sum += row[n];
        if (row[n] > SMALLEST) {
          from[o] = Math.min(from[o], n);
          to[o] = n + 1;
        }
      }
      for (int n = 0; n < samples; n++) {
        weights[o * samples + n] = (float) (row[n] / sum);
      }
    }
    return new Smoothing(outputs, samples, weights, from, to);
  }

  /// With all that lie a torus apart.
  private static double gaussian(double distance, int torus) {
    double sum = 0;
    for (int k = -2; k <= 2; k++) {
      double d = distance + (double) k * torus;
      sum += Math.exp(-d * d / (2 * DEVIATION * DEVIATION));
    }
    return sum;
  }

  /// One average of rows of values.
  ///
  /// @param output which
  /// @param source address of `[samples, run]`
  /// @param run any number
  /// @param target address of `[run]`
  void average(int output, long source, int run, long target) {
    for (int i = 0; i < run; i += Lanes.COUNT) {
      VectorMask<Float> mask = Lanes.tail(i, run);
      FloatVector sum = FloatVector.zero(Lanes.FLOATS);
      for (int n = from[output]; n < to[output]; n++) {
        FloatVector weight = FloatVector.broadcast(Lanes.FLOATS, weights[output * samples + n]);
        sum = Lanes.load(source, (long) n * run + i, mask).fma(weight, sum);
      }
      Lanes.store(sum, target, i, mask);
    }
  }
}
