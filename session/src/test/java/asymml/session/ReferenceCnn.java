package asymml.session;

import asymml.trusted.data.Normalization;
import asymml.trusted.train.TrainedModel;

/// The `cnn` of the zoo with batch normalisation, for inference, in double precision: loops over
/// everything, nothing of the kernels.
final class ReferenceCnn {
  private static final double EPSILON = 1e-5f;

  private final TrainedModel model;

  ReferenceCnn(TrainedModel model) {
    this.model = model;
  }

  private float[] parameter(String name) {
    return model.parameters().value(name).toArray();
  }

  /// Logits of an image of unsigned bytes `[H, W, C]`.
  double[] logits(byte[] pixels) {
    Normalization normalization = model.description().normalization();
    int channels = normalization.channels();
    double[] values = new double[pixels.length];
    for (int i = 0; i < pixels.length; i++) {
      int c = i % channels;
      values[i] =
          ((pixels[i] & 0xFF) / 255.0 - normalization.mean()[c])
              / normalization.standardDeviation()[c];
    }
    int size = model.description().input().height();
    for (int layer = 1; layer <= 3; layer++) {
      int out = 16 << (layer - 1);
      values = convolve(values, size, channels, parameter("conv" + layer + ".weight"), out);
      normalize(values, out, "bn" + layer + ".");
      values = pool(values, size, out);
      size /= 2;
      channels = out;
    }
    float[] weights = parameter("fc.weight");
    float[] bias = parameter("fc.bias");
    double[] logits = new double[bias.length];
    for (int o = 0; o < logits.length; o++) {
      logits[o] = bias[o];
      for (int i = 0; i < values.length; i++) {
        logits[o] += weights[o * values.length + i] * values[i];
      }
    }
    return logits;
  }

  /// 3 x 3, stride 1, zeros around; weights `[O, 3, 3, C]`.
  private static double[] convolve(double[] in, int size, int channels, float[] w, int out) {
    double[] result = new double[size * size * out];
    for (int y = 0; y < size; y++) {
      for (int x = 0; x < size; x++) {
        for (int o = 0; o < out; o++) {
          double sum = 0;
          for (int k = 0; k < 9; k++) {
            int row = y + k / 3 - 1;
            int column = x + k % 3 - 1;
            if (row >= 0 && row < size && column >= 0 && column < size) {
              for (int c = 0; c < channels; c++) {
                sum += w[(o * 9 + k) * channels + c] * in[(row * size + column) * channels + c];
              }
            }
          }
          result[(y * size + x) * out + o] = sum;
        }
      }
    }
    return result;
  }

  /// By running statistics, in place, and rectified.
  private void normalize(double[] values, int channels, String prefix) {
    float[] scale = parameter(prefix + "weight");
    float[] shift = parameter(prefix + "bias");
    float[] mean = parameter(prefix + "running_mean");
    float[] variance = parameter(prefix + "running_var");
    for (int i = 0; i < values.length; i++) {
      int c = i % channels;
      double standard = (values[i] - mean[c]) / Math.sqrt(variance[c] + EPSILON);
      values[i] = Math.max(0, scale[c] * standard + shift[c]);
    }
  }

  /// The largest of each 2 x 2.
  private static double[] pool(double[] in, int size, int channels) {
    int half = size / 2;
    double[] result = new double[half * half * channels];
    for (int y = 0; y < half; y++) {
      for (int x = 0; x < half; x++) {
        for (int c = 0; c < channels; c++) {
          double largest = Double.NEGATIVE_INFINITY;
          for (int k = 0; k < 4; k++) {
            int row = 2 * y + k / 2;
            int column = 2 * x + k % 2;
            largest = Math.max(largest, in[(row * size + column) * channels + c]);
          }
          result[(y * half + x) * channels + c] = largest;
        }
      }
    }
    return result;
  }

  /// Minus the logarithm of the probability of a label.
  static double loss(double[] logits, int label) {
    double sum = 0;
    for (double logit : logits) {
      sum += Math.exp(logit - logits[label]);
    }
    return Math.log(sum);
  }

  static int largest(double[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }
}
