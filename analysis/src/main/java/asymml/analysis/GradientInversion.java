package asymml.analysis;

import asymml.analysis.Engine.Net;
import asymml.model.Shape;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;

/// Attack 6: images whose weight gradients are those that the worker can form, found by
/// optimisation. The attacker starts from random images and labels and maximises the cosine between
/// their gradients and the true ones, with a small total-variation term that makes the images
/// smooth.
///
/// The distance D depends on the gradients `g = dL/dw`, and its derivative by the images is `v .
/// d^2L/dw dx` with `v = dD/dg`. That is how `dL/dx` changes along v in w: `(dL/dx(w + e v) -
/// dL/dx(w - e v)) / 2e`. So one iteration is three passes forward and backward, and no second
/// derivatives are needed.
///
/// The order of the images is not found: gradients are sums over them.
///
/// Source: Zhu et al., "Deep Leakage from Gradients" (NeurIPS 2019, arXiv 1906.08935), labels
/// included; Geiping et al., "Inverting Gradients" (NeurIPS 2020, arXiv 2003.14053), cosine, total
/// variation and the signs of slopes.
///
/// Reads dW of some layers, from successive weights of the view
/// ([GradientSolve#ofSuccessiveWeights]), and W ([InitialNetwork]). Public knowledge: graph,
/// optimiser's settings. Cost: three training steps of the network on N images an iteration.
public final class GradientInversion {
  /// How far weights are moved for a difference, relative to their norm: far enough for float32,
  /// and near enough that few ReLUs switch.
  private static final double MOVE = 1e-3;

  private static final double RATE = 0.1;
  private static final double VARIATION = 0.3;
  private static final float RANGE = 3;

  private final Net net;
  private final Map<String, float[]> weights = new LinkedHashMap<>();
  private final Map<String, float[]> target;
  private final double targetNorm;
  private final double weightNorm;

  /// What was found.
  ///
  /// @param images `[N, H, W, C]`, normalised, in any order
  /// @param distance 1 less the cosine between gradients at the end
  public record Result(Maps images, double distance) {}

  @SuppressWarnings("ArrayRecordComponent") // Read by index, never compared.
  private record Slopes(Maps images, double[] labels) {}

  private GradientInversion(Net net, Map<String, float[]> target) {
    this.net = net;
    this.target = target;
    target.keySet().forEach(name -> weights.put(name, net.parameter(name)));
    targetNorm = Math.sqrt(dot(target, target));
    weightNorm = Math.sqrt(dot(weights, weights));
    if (targetNorm == 0) {
      throw new IllegalArgumentException("the gradients are all 0");
    }
  }

  /// Looks for images.
  ///
  /// @param net the network with its weights, restored at the end
  /// @param target gradients by parameter, at least one that is not 0
  /// @param image shape of an image
  /// @param count N
  /// @param classes K
  /// @param iterations at least 1
  /// @param seed of the start
  /// @return what is nearest
  public static Result invert(
      Net net,
      Map<String, float[]> target,
      Shape image,
      int count,
      int classes,
      int iterations,
      long seed) {
    GradientInversion attack = new GradientInversion(net, target);
    SplittableRandom random = new SplittableRandom(seed);
    Maps x =
        new Maps(
            count,
            image.height(),
            image.width(),
            image.channels(),
            new float[count * image.size()]);
    double[] labels = new double[count * classes];
    for (int i = 0; i < x.values().length; i++) {
      x.values()[i] = (float) (0.5 * random.nextGaussian());
    }
    Arrays.setAll(labels, _ -> 0.1 * random.nextGaussian());
    double[] all = new double[x.values().length + labels.length];
    Adam adam = new Adam(all.length);
    double distance = 1;
    for (int t = 0; t < iterations; t++) {
      attack.pass(x, labels);
      Map<String, float[]> direction = new LinkedHashMap<>();
      distance = attack.distance(direction);
      Slopes slopes = attack.along(direction, x, labels);
      double[] smooth = variation(x);
      // The variation counts relative to the size of the slopes, whatever that is; then only signs
      // do.
      double size = VARIATION * rms(slopes.images.values());
      for (int i = 0; i < all.length; i++) {
        int k = i - x.values().length;
        all[i] =
            k < 0 ? Math.signum(slopes.images.values()[i] + size * smooth[i]) : slopes.labels[k];
      }
      double[] step = adam.step(all);
      double rate = RATE * (1 + Math.cos(Math.PI * t / iterations)) / 2;
      for (int i = 0; i < all.length; i++) {
        int k = i - x.values().length;
        if (k < 0) {
          x.values()[i] = Math.clamp((float) (x.values()[i] - rate * step[i]), -RANGE, RANGE);
        } else {
          labels[k] -= rate * step[i];
        }
      }
    }
    return new Result(x, distance);
  }

  private static double rms(float[] values) {
    double squares = 0;
    for (float value : values) {
      squares += (double) value * value;
    }
    return Math.sqrt(squares / values.length);
  }

  private static double dot(Map<String, float[]> a, Map<String, float[]> b) {
    double sum = 0;
    for (Map.Entry<String, float[]> entry : a.entrySet()) {
      float[] other = b.get(entry.getKey());
      if (other == null || other.length != entry.getValue().length) {
        throw new IllegalArgumentException("two values of " + entry.getKey() + " differ in size");
      }
      for (int i = 0; i < other.length; i++) {
        sum += (double) entry.getValue()[i] * other[i];
      }
    }
    return sum;
  }

  /// `1 - cos(g, target)` at the net's gradients.
  ///
  /// @param direction gets its derivative by g
  private double distance(Map<String, float[]> direction) {
    Map<String, float[]> g = new LinkedHashMap<>();
    target.keySet().forEach(name -> g.put(name, net.gradient(name)));
    double norm = Math.sqrt(dot(g, g));
    double inner = dot(g, target);
    g.forEach((name, values) -> {
      float[] wanted = target.getOrDefault(name, values);
      float[] v = new float[values.length];
      for (int i = 0; i < v.length; i++) {
        v[i] = (float) ((inner * values[i] / (norm * norm) - wanted[i]) / (norm * targetNorm));
      }
      direction.put(name, v);
    });
    return 1 - inner / (norm * targetNorm);
  }

  /// How the slopes by images and labels change along a direction in the weights.
  private Slopes along(Map<String, float[]> direction, Maps x, double[] labels) {
    double length = Math.sqrt(dot(direction, direction));
    double e = MOVE * weightNorm / Math.max(length, 1e-30);
    move(direction, e);
    Slopes after = pass(x, labels);
    move(direction, -e);
    Slopes before = pass(x, labels);
    move(direction, 0);
    Maps difference = after.images.minus(before.images);
    for (int i = 0; i < difference.values().length; i++) {
      difference.values()[i] /= (float) (2 * e);
    }
    double[] labelDifference = new double[labels.length];
    Arrays.setAll(labelDifference, i -> (after.labels[i] - before.labels[i]) / (2 * e));
    return new Slopes(difference, labelDifference);
  }

  private void move(Map<String, float[]> direction, double by) {
    weights.forEach((name, values) -> {
      float[] v = direction.getOrDefault(name, values);
      float[] moved = new float[values.length];
      for (int i = 0; i < moved.length; i++) {
        moved[i] = (float) (values[i] + by * v[i]);
      }
      net.set(name, moved);
    });
  }

  /// A pass forward and backward with soft labels; the net then has its gradients.
  private Slopes pass(Maps x, double[] labels) {
    Maps logits = net.forward(x);
    int n = x.examples();
    int classes = logits.exampleSize();
    Maps dy = logits.zeros();
    double[] slopes = new double[labels.length];
    for (int i = 0; i < n; i++) {
      double[] given = new double[classes];
      double[] wanted = new double[classes];
      for (int k = 0; k < classes; k++) {
        given[k] = logits.values()[i * classes + k];
        wanted[k] = labels[i * classes + k];
      }
      double[] p = softmax(given);
      double[] q = softmax(wanted);
      double mean = 0;
      for (int k = 0; k < classes; k++) {
        mean -= q[k] * Math.log(Math.max(p[k], 1e-30));
      }
      for (int k = 0; k < classes; k++) {
        dy.values()[i * classes + k] = (float) ((p[k] - q[k]) / n);
        slopes[i * classes + k] = q[k] * (-Math.log(Math.max(p[k], 1e-30)) - mean) / n;
      }
    }
    return new Slopes(net.backward(dy), slopes);
  }

  private static double[] softmax(double[] logits) {
    double most = Arrays.stream(logits).max().orElseThrow();
    double[] p = Arrays.stream(logits).map(v -> Math.exp(v - most)).toArray();
    double sum = Arrays.stream(p).sum();
    return Arrays.stream(p).map(v -> v / sum).toArray();
  }

  /// The derivative of total variation: the signs of differences to the neighbours.
  private static double[] variation(Maps x) {
    double[] slopes = new double[x.values().length];
    int c = x.channels();
    int row = x.width() * c;
    for (int i = 0; i < slopes.length; i++) {
      int column = i / c % x.width();
      int line = i / row % x.height();
      if (column + 1 < x.width()) {
        double sign = Math.signum(x.values()[i] - x.values()[i + c]);
        slopes[i] += sign;
        slopes[i + c] -= sign;
      }
      if (line + 1 < x.height()) {
        double sign = Math.signum(x.values()[i] - x.values()[i + row]);
        slopes[i] += sign;
        slopes[i + row] -= sign;
      }
    }
    return slopes;
  }

  /// Kingma and Ba, "Adam" (ICLR 2015, arXiv 1412.6980), with its usual constants.
  private static final class Adam {
    private final double[] mean;
    private final double[] square;
    private int steps;

    Adam(int size) {
      mean = new double[size];
      square = new double[size];
    }

    double[] step(double[] slopes) {
      steps++;
      double[] step = new double[slopes.length];
      double first = 1 - Math.pow(0.9, steps);
      double second = 1 - Math.pow(0.999, steps);
      for (int i = 0; i < step.length; i++) {
        mean[i] += 0.1 * (slopes[i] - mean[i]);
        square[i] += 0.001 * (slopes[i] * slopes[i] - square[i]);
        step[i] = mean[i] / first / (Math.sqrt(square[i] / second) + 1e-12);
      }
      return step;
    }
  }
}
