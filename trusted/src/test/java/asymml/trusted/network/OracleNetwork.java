package asymml.trusted.network;

import asymml.model.Graph;
import asymml.model.Layer.Add;
import asymml.model.Layer.AvgPool;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Clip;
import asymml.model.Layer.Concat;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Dropout;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GlobalAvgPool;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.GroupedConv2d;
import asymml.model.Layer.HardSwish;
import asymml.model.Layer.LeakyRelu;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Layer.Scattering;
import asymml.model.Layer.Sigmoid;
import asymml.model.Layer.Tanh;
import asymml.model.Node;
import asymml.model.Shape;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.DoubleUnaryOperator;

/// Any graph, by definition: double precision, plain loops, no shared code with the product. Maps
/// are `[N, H, W, C]`, weights `[O, k, k, C]`.
public final class OracleNetwork {
  /// Statistics of one batch at one normalisation.
  ///
  /// @param mean per channel
  /// @param variance per channel, biased
  /// @param count values that each is taken over
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Moments(double[] mean, double[] variance, int count) {}

  private final Graph graph;
  private final int batch;
  private final Map<String, double[]> parameters;
  private final Map<String, double[]> masks;
  private final Map<String, Moments> moments = new HashMap<>();

  /// Takes a graph.
  ///
  /// @param graph any
  /// @param batch number of examples N
  /// @param parameters by name; read at each call
  /// @param masks of dropout by node name: the factor of each value; empty for inference
  public OracleNetwork(
      Graph graph, int batch, Map<String, double[]> parameters, Map<String, double[]> masks) {
    this.graph = graph;
    this.batch = batch;
    this.parameters = parameters;
    this.masks = masks;
  }

  /// The batch statistics of the last training pass.
  Moments moments(String node) {
    return Objects.requireNonNull(moments.get(node));
  }

  /// Runs the network.
  ///
  /// @param images `[N, H, W, C]`
  /// @param training whether normalisations use the batch's statistics, and dropout drops
  /// @return `[N, classes]`
  public double[] logits(double[] images, boolean training) {
    double[][] outputs = new double[graph.nodes().size()][];
    for (int i = 0; i < outputs.length; i++) {
      Node node = graph.nodes().get(i);
      double[] x = read(outputs, images, node.inputs().getFirst());
      double[] other = read(outputs, images, node.inputs().getLast());
      outputs[i] =
          node.layer() instanceof Concat
              ? concat(i, outputs, images)
              : output(node, x, other, graph.inputShape(i), graph.shape(i), training);
    }
    return outputs[outputs.length - 1];
  }

  /// Mean cross-entropy against smoothed labels, in training.
  ///
  /// @param images `[N, H, W, C]`
  /// @param labels N classes
  /// @param smoothing share of the target that all classes get
  /// @return in nats
  public double loss(double[] images, int[] labels, double smoothing) {
    double[] logits = logits(images, true);
    int classes = graph.classes();
    double loss = 0;
    for (int n = 0; n < batch; n++) {
      double sum = 0;
      for (int k = 0; k < classes; k++) {
        sum += Math.exp(logits[n * classes + k]);
      }
      for (int k = 0; k < classes; k++) {
        double target = smoothing / classes + (k == labels[n] ? 1 - smoothing : 0);
        loss -= target * (logits[n * classes + k] - Math.log(sum));
      }
    }
    return loss / batch;
  }

  private static double[] read(double[][] outputs, double[] images, int index) {
    return index == Graph.INPUT ? images : outputs[index];
  }

  private double[] parameter(Node node, String role) {
    return Objects.requireNonNull(parameters.get(node.name() + "." + role));
  }

  private double[] output(
      Node node, double[] x, double[] other, Shape in, Shape out, boolean training) {
    return switch (node.layer()) {
      case Conv2d(
              int _,
              int kernel,
              int stride,
              int padding,
              boolean standardized,
              boolean bias) -> {
        double[] weight = parameter(node, "weight");
        double[] used = standardized ? standardized(weight, out.channels()) : weight;
        double[] y = convolve(x, in, out, used, kernel, stride, padding, 1);
        yield bias ? biased(node, y) : y;
      }
      case GroupedConv2d conv -> {
        double[] weight = parameter(node, "weight");
        double[] used = conv.standardized() ? standardized(weight, out.channels()) : weight;
        double[] y =
            convolve(x, in, out, used, conv.kernel(), conv.stride(), conv.padding(), conv.groups());
        yield conv.bias() ? biased(node, y) : y;
      }
      case Linear _ -> biased(node, convolve(x, in, out, parameter(node, "weight"), 1, 1, 0, 1));
      case BatchNorm(float epsilon, float _) ->
          batchNorm(node, x, in.channels(), epsilon, training);
      case GroupNorm norm -> groupNorm(node, x, in, norm);
      case Relu _ -> each(x, v -> Math.max(v, 0));
      case Tanh _ -> each(x, Math::tanh);
      case Clip(float low, float high) -> each(x, v -> Math.min(Math.max(v, low), high));
      case LeakyRelu(float slope) -> each(x, v -> v > 0 ? v : slope * v);
      case Sigmoid _ -> each(x, v -> 1 / (1 + Math.exp(-v)));
      case HardSwish _ -> each(x, v -> v * Math.min(Math.max(v / 6 + 0.5, 0), 1));
      case Scattering _ -> throw new IllegalArgumentException("has an oracle of its own");
      case MaxPool(int kernel, int stride, int padding) ->
          pool(x, in, out, kernel, kernel, stride, padding, true);
      case AvgPool(int kernel, int stride, int padding) ->
          pool(x, in, out, kernel, kernel, stride, padding, false);
      case GlobalAvgPool _ -> pool(x, in, out, in.height(), in.width(), 1, 0, false);
      case Add _ -> sum(x, other);
      case Concat _ -> throw new AssertionError("has more inputs");
      case Flatten _ -> x.clone();
      case Dropout _ ->
          training ? product(x, Objects.requireNonNull(masks.get(node.name()))) : x.clone();
    };
  }

  private double[] convolve(
      double[] x,
      Shape in,
      Shape out,
      double[] w,
      int kernel,
      int stride,
      int padding,
      int groups) {
    double[] y = new double[batch * out.size()];
    int channels = in.channels() / groups;
    for (int p = 0; p < y.length; p++) {
      int o = p % out.channels();
      int column = p / out.channels() % out.width();
      int row = p / out.channels() / out.width() % out.height();
      int n = p / out.size();
      for (int i = 0; i < kernel; i++) {
        for (int j = 0; j < kernel; j++) {
          int h = row * stride + i - padding;
          int v = column * stride + j - padding;
          if (h < 0 || h >= in.height() || v < 0 || v >= in.width()) {
            continue;
          }
          int group = o / (out.channels() / groups);
          int from = n * in.size() + (h * in.width() + v) * in.channels() + group * channels;
          for (int c = 0; c < channels; c++) {
            y[p] += w[((o * kernel + i) * kernel + j) * channels + c] * x[from + c];
          }
        }
      }
    }
    return y;
  }

  private static double[] standardized(double[] weight, int filters) {
    int fan = weight.length / filters;
    double[] used = new double[weight.length];
    for (int from = 0; from < weight.length; from += fan) {
      Moments own = moments(Arrays.copyOfRange(weight, from, from + fan), 1);
      for (int i = from; i < from + fan; i++) {
        used[i] = (weight[i] - own.mean[0]) / Math.sqrt(own.variance[0] * fan);
      }
    }
    return used;
  }

  private double[] concat(int index, double[][] outputs, double[] images) {
    Shape out = graph.shape(index);
    double[] y = new double[batch * out.size()];
    int from = 0;
    for (int source : graph.nodes().get(index).inputs()) {
      double[] x = read(outputs, images, source);
      int width = graph.shape(source).channels();
      for (int i = 0; i < x.length; i++) {
        y[i / width * out.channels() + from + i % width] = x[i];
      }
      from += width;
    }
    return y;
  }

  private double[] biased(Node node, double[] y) {
    double[] bias = parameter(node, "bias");
    for (int p = 0; p < y.length; p++) {
      y[p] += bias[p % bias.length];
    }
    return y;
  }

  private double[] batchNorm(
      Node node, double[] x, int channels, double epsilon, boolean training) {
    double[] mean = parameter(node, "running_mean");
    double[] variance = parameter(node, "running_var");
    if (training) {
      Moments own = moments(x, channels);
      moments.put(node.name(), own);
      mean = own.mean;
      variance = own.variance;
    }
    double[] scale = parameter(node, "weight");
    double[] shift = parameter(node, "bias");
    double[] y = new double[x.length];
    for (int p = 0; p < y.length; p++) {
      int c = p % channels;
      y[p] = scale[c] * (x[p] - mean[c]) / Math.sqrt(variance[c] + epsilon) + shift[c];
    }
    return y;
  }

  private static Moments moments(double[] x, int channels) {
    int count = x.length / channels;
    double[] mean = new double[channels];
    double[] variance = new double[channels];
    for (int p = 0; p < x.length; p++) {
      mean[p % channels] += x[p] / count;
    }
    for (int p = 0; p < x.length; p++) {
      double d = x[p] - mean[p % channels];
      variance[p % channels] += d * d / count;
    }
    return new Moments(mean, variance, count);
  }

  /// One example and group is a batch norm of one channel.
  private double[] groupNorm(Node node, double[] x, Shape in, GroupNorm norm) {
    double[] scale = new double[in.channels()];
    double[] shift = new double[in.channels()];
    Arrays.fill(scale, 1);
    if (norm.affine()) {
      scale = parameter(node, "weight");
      shift = parameter(node, "bias");
    }
    int groups = norm.groups();
    int width = in.channels() / groups;
    double[] y = new double[x.length];
    for (int n = 0; n < batch; n++) {
      for (int g = 0; g < groups; g++) {
        double[] part = new double[in.pixels() * width];
        for (int i = 0; i < part.length; i++) {
          part[i] = x[place(n, g, i, in, width)];
        }
        Moments own = moments(part, 1);
        for (int i = 0; i < part.length; i++) {
          int c = g * width + i % width;
          double hat = (part[i] - own.mean[0]) / Math.sqrt(own.variance[0] + norm.epsilon());
          y[place(n, g, i, in, width)] = scale[c] * hat + shift[c];
        }
      }
    }
    return y;
  }

  private static int place(int example, int group, int i, Shape in, int width) {
    return example * in.size() + i / width * in.channels() + group * width + i % width;
  }

  private double[] pool(
      double[] x,
      Shape in,
      Shape out,
      int kernelHeight,
      int kernelWidth,
      int stride,
      int padding,
      boolean max) {
    double[] y = new double[batch * out.size()];
    for (int p = 0; p < y.length; p++) {
      int c = p % out.channels();
      int column = p / out.channels() % out.width() * stride - padding;
      int row = p / out.channels() / out.width() % out.height() * stride - padding;
      int n = p / out.size();
      double largest = Double.NEGATIVE_INFINITY;
      double sum = 0;
      int count = 0;
      for (int h = Math.max(0, row); h < Math.min(in.height(), row + kernelHeight); h++) {
        for (int v = Math.max(0, column); v < Math.min(in.width(), column + kernelWidth); v++) {
          double value = x[n * in.size() + (h * in.width() + v) * in.channels() + c];
          largest = Math.max(largest, value);
          sum += value;
          count++;
        }
      }
      y[p] = max ? largest : sum / count;
    }
    return y;
  }

  private static double[] each(double[] x, DoubleUnaryOperator f) {
    return Arrays.stream(x).map(f).toArray();
  }

  private static double[] sum(double[] a, double[] b) {
    double[] y = a.clone();
    for (int i = 0; i < y.length; i++) {
      y[i] += b[i];
    }
    return y;
  }

  private static double[] product(double[] a, double[] b) {
    double[] y = a.clone();
    for (int i = 0; i < y.length; i++) {
      y[i] *= b[i];
    }
    return y;
  }
}
