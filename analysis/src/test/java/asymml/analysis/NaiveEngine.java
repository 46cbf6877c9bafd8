package asymml.analysis;

import asymml.kernels.ConvShape;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Layer.Activation;
import asymml.model.Layer.Add;
import asymml.model.Layer.AvgPool;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Concat;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Dropout;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GlobalAvgPool;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.GroupedConv2d;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Layer.Scattering;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.model.Shape;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// An attacker's computer as its definition says, in double precision and without the product's
/// kernels: convolutions, linear layers, batch norm, ReLU, sums and what makes maps flat.
final class NaiveEngine implements Engine {
  private int built;
  private int closed;

  /// How many networks were built and not closed.
  int open() {
    return built - closed;
  }

  @Override
  public Net build(Graph graph, long seed) {
    built++;
    return new Own(graph, seed);
  }

  private final class Own implements Net {
    private final Graph graph;
    private final Map<String, double[]> values = new HashMap<>();
    private final Map<String, double[]> gradients = new HashMap<>();
    private final Map<String, double[]> velocities = new HashMap<>();
    private double[] input = {};
    private double[][] outputs = {};
    private int examples;
    private boolean isClosed;

    Own(Graph graph, long seed) {
      this.graph = graph;
      for (Parameter parameter : graph.parameters()) {
        values.put(parameter.name(), doubles(new Initializer(seed).values(parameter)));
      }
    }

    @Override
    public float[] parameter(String name) {
      return floats(value(name));
    }

    private double[] value(String name) {
      double[] found = values.get(name);
      if (found == null) {
        throw new IllegalArgumentException("no parameter is called " + name);
      }
      return found;
    }

    @Override
    public void set(String name, float[] given) {
      if (given.length != value(name).length) {
        throw new IllegalArgumentException(name + " has " + value(name).length + " values");
      }
      values.put(name, doubles(given));
    }

    @Override
    public float[] gradient(String name) {
      return floats(gradients.getOrDefault(name, new double[value(name).length]));
    }

    @Override
    public Maps forward(Maps x) {
      return run(x, true);
    }

    @Override
    public Maps infer(Maps x) {
      return run(x, false);
    }

    private Maps run(Maps x, boolean training) {
      if (isClosed) {
        throw new IllegalStateException("the network is closed");
      }
      examples = x.examples();
      input = doubles(x.values());
      outputs = new double[graph.nodes().size()][];
      for (int i = 0; i < outputs.length; i++) {
        outputs[i] = output(i, training);
      }
      double[] last = outputs[outputs.length - 1];
      return new Maps(examples, 1, 1, last.length / examples, floats(last));
    }

    private double[] read(int node) {
      return node == Graph.INPUT ? input : outputs[node];
    }

    private double[] output(int index, boolean training) {
      Node node = graph.nodes().get(index);
      double[] x = read(node.inputs().getFirst());
      return switch (node.layer()) {
        case Conv2d _ -> convolution(index).forward(x, value(node.name() + ".weight"));
        case Linear(int out) -> linear(x, node.name(), out);
        case BatchNorm norm -> batchNorm(x, node.name(), norm, training);
        case Relu _ -> Arrays.stream(x).map(v -> Math.max(v, 0)).toArray();
        case Flatten _ -> x;
        case Add _ -> {
          double[] y = read(node.inputs().getLast());
          double[] sum = new double[x.length];
          Arrays.setAll(sum, i -> x[i] + y[i]);
          yield sum;
        }
        case GroupedConv2d _,
            GroupNorm _,
            Activation _,
            Scattering _,
            MaxPool _,
            AvgPool _,
            GlobalAvgPool _,
            Concat _,
            Dropout _ ->
            throw new IllegalArgumentException("no test needs " + node.layer());
      };
    }

    private NaiveConvolution convolution(int index) {
      Shape in = graph.inputShape(index);
      if (!(graph.nodes().get(index).layer()
          instanceof Conv2d(int out, int kernel, int stride, int padding, boolean _, boolean _))) {
        throw new IllegalArgumentException("no convolution: " + graph.nodes().get(index));
      }
      return new NaiveConvolution(
          new ConvShape(
              examples,
              in.height(),
              in.width(),
              in.channels(),
              out,
              kernel,
              kernel,
              stride,
              padding));
    }

    private double[] linear(double[] x, String name, int out) {
      double[] w = value(name + ".weight");
      double[] bias = value(name + ".bias");
      int in = x.length / examples;
      double[] y = new double[examples * out];
      for (int i = 0; i < y.length; i++) {
        double sum = bias[i % out];
        for (int k = 0; k < in; k++) {
          sum += w[i % out * in + k] * x[i / out * in + k];
        }
        y[i] = sum;
      }
      return y;
    }

    private double[] batchNorm(double[] x, String name, BatchNorm norm, boolean training) {
      double[] scale = value(name + ".weight");
      double[] shift = value(name + ".bias");
      double[] runningMean = value(name + ".running_mean");
      double[] runningVariance = value(name + ".running_var");
      int c = scale.length;
      double[] mean = training ? mean(x, c) : runningMean;
      double[] variance = training ? variance(x, mean) : runningVariance;
      if (training) {
        for (int i = 0; i < c; i++) {
          runningMean[i] += norm.momentum() * (mean[i] - runningMean[i]);
          runningVariance[i] += norm.momentum() * (variance[i] - runningVariance[i]);
        }
      }
      double[] y = new double[x.length];
      Arrays.setAll(
          y,
          i ->
              (x[i] - mean[i % c]) / Math.sqrt(variance[i % c] + norm.epsilon()) * scale[i % c]
                  + shift[i % c]);
      return y;
    }

    @Override
    public Maps backward(Maps dy) {
      double[][] slopes = new double[outputs.length][];
      for (int i = 0; i < slopes.length; i++) {
        slopes[i] = new double[outputs[i].length];
      }
      double[] images = new double[input.length];
      slopes[slopes.length - 1] = doubles(dy.values());
      for (int i = slopes.length - 1; i >= 0; i--) {
        List<Integer> inputs = graph.nodes().get(i).inputs();
        double[] dx = slope(i, slopes[i]);
        for (int source : inputs) {
          double[] target = source == Graph.INPUT ? images : slopes[source];
          Arrays.setAll(target, k -> target[k] + dx[k]);
        }
      }
      Shape shape = graph.input();
      return new Maps(examples, shape.height(), shape.width(), shape.channels(), floats(images));
    }

    /// The gradient of a node's inputs, each of them; that of its parameters is kept.
    private double[] slope(int index, double[] dy) {
      Node node = graph.nodes().get(index);
      double[] x = read(node.inputs().getFirst());
      String weight = node.name() + ".weight";
      return switch (node.layer()) {
        case Conv2d _ -> {
          gradients.put(weight, convolution(index).weightGradient(x, dy));
          yield convolution(index).inputGradient(dy, value(weight));
        }
        case Linear(int out) -> linearSlope(x, dy, node.name(), out);
        case BatchNorm norm -> batchNormSlope(x, dy, node.name(), norm);
        case Relu _ -> {
          double[] dx = new double[dy.length];
          Arrays.setAll(dx, i -> x[i] > 0 ? dy[i] : 0);
          yield dx;
        }
        case Flatten _, Add _ -> dy;
        case GroupedConv2d _,
            GroupNorm _,
            Activation _,
            Scattering _,
            MaxPool _,
            AvgPool _,
            GlobalAvgPool _,
            Concat _,
            Dropout _ ->
            throw new IllegalArgumentException("no test needs " + node.layer());
      };
    }

    private double[] linearSlope(double[] x, double[] dy, String name, int out) {
      double[] w = value(name + ".weight");
      int in = x.length / examples;
      double[] dw = new double[w.length];
      double[] db = new double[out];
      double[] dx = new double[x.length];
      for (int i = 0; i < dy.length; i++) {
        db[i % out] += dy[i];
        for (int k = 0; k < in; k++) {
          dw[i % out * in + k] += dy[i] * x[i / out * in + k];
          dx[i / out * in + k] += dy[i] * w[i % out * in + k];
        }
      }
      gradients.put(name + ".weight", dw);
      gradients.put(name + ".bias", db);
      return dx;
    }

    private double[] batchNormSlope(double[] x, double[] dy, String name, BatchNorm norm) {
      double[] scale = value(name + ".weight");
      int c = scale.length;
      double[] mean = mean(x, c);
      double[] variance = variance(x, mean);
      double[] z = new double[x.length];
      Arrays.setAll(z, i -> (x[i] - mean[i % c]) / Math.sqrt(variance[i % c] + norm.epsilon()));
      double[] sum = new double[c];
      double[] product = new double[c];
      for (int i = 0; i < dy.length; i++) {
        sum[i % c] += dy[i];
        product[i % c] += dy[i] * z[i];
      }
      gradients.put(name + ".weight", product);
      gradients.put(name + ".bias", sum);
      double count = (double) x.length / c;
      double[] dx = new double[x.length];
      Arrays.setAll(
          dx,
          i ->
              scale[i % c]
                  / Math.sqrt(variance[i % c] + norm.epsilon())
                  * (dy[i] - sum[i % c] / count - z[i] * product[i % c] / count));
      return dx;
    }

    private static double[] mean(double[] x, int channels) {
      double[] mean = new double[channels];
      for (int i = 0; i < x.length; i++) {
        mean[i % channels] += x[i] * channels / x.length;
      }
      return mean;
    }

    private static double[] variance(double[] x, double[] mean) {
      double[] variance = new double[mean.length];
      for (int i = 0; i < x.length; i++) {
        double deviation = x[i] - mean[i % mean.length];
        variance[i % mean.length] += deviation * deviation * mean.length / x.length;
      }
      return variance;
    }

    @Override
    public void step(float rate, float momentum, float weightDecay) {
      gradients.forEach((name, gradient) -> {
        double[] value = value(name);
        double[] velocity = velocities.computeIfAbsent(name, _ -> new double[value.length]);
        double decay = decays(name) ? weightDecay : 0;
        for (int i = 0; i < value.length; i++) {
          velocity[i] = momentum * velocity[i] + gradient[i] + decay * value[i];
          value[i] -= rate * velocity[i];
        }
      });
    }

    private boolean decays(String name) {
      return graph.parameters().stream().anyMatch(p -> p.name().equals(name) && p.kind().weight());
    }

    @Override
    public void close() {
      closed += isClosed ? 0 : 1;
      isClosed = true;
    }
  }

  private static double[] doubles(float[] values) {
    double[] result = new double[values.length];
    Arrays.setAll(result, i -> values[i]);
    return result;
  }

  private static float[] floats(double[] values) {
    float[] result = new float[values.length];
    for (int i = 0; i < result.length; i++) {
      result[i] = (float) values[i];
    }
    return result;
  }
}
