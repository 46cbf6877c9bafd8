package asymml.study.audit;

import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Initializer;
import asymml.model.Layer;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import java.util.List;

/// Images of one bright pixel each, and a network of two linear layers. The gradients of two of
/// them by the first layer's weights have no weight in common, so that a thousand of them can be
/// told apart in one sum; their norms are above the clip norm, so that each has the largest
/// influence that is allowed.
///
/// Gradients are computed here from their definition, not by the code that is audited.
final class Canaries {
  /// How many there are.
  static final int COUNT = 1024;

  /// The first layer.
  static final String HIDDEN = "hidden";

  /// The second layer.
  static final String CLASSIFIER = "classifier";

  private static final Shape SHAPE = new Shape(32, 32, 1);
  private static final List<String> CLASSES = List.of("one", "two");
  private static final int UNITS = 4;

  /// With inputs of this size the first layer's part of a gradient is nearly all of it.
  private static final double LEAST_AMPLITUDE = 64;

  /// Gradients are at least so many times larger than the clip norm.
  private static final double EXCESS = 4;

  private final Graph graph;
  private final ImageSet images;
  private final float amplitude;
  private final float[] hidden;
  private final float[] classifier;

  /// Makes the canaries.
  ///
  /// @param maxGradNorm C, the clip norm that the audited code has
  /// @param seed of the network's parameters
  Canaries(double maxGradNorm, long seed) {
    GraphBuilder builder = new GraphBuilder(SHAPE);
    builder.add("flat", new Layer.Flatten());
    builder.add(HIDDEN, new Layer.Linear(UNITS));
    builder.add(CLASSIFIER, new Layer.Linear(CLASSES.size()));
    graph = builder.build("canaries");
    hidden = values(HIDDEN, seed);
    classifier = values(CLASSIFIER, seed);
    // The loss of a class that is not preferred: its gradient by each logit is at least 1/2.
    amplitude = (float) Math.max(LEAST_AMPLITUDE, 2 * EXCESS * maxGradNorm / distance());
    byte[] pixels = new byte[COUNT * COUNT];
    int[] labels = new int[COUNT];
    for (int i = 0; i < COUNT; i++) {
      pixels[i * COUNT + i] = (byte) 255;
      labels[i] = preference(i) > 0 ? 1 : 0;
    }
    images = ImageSet.of(SHAPE, CLASSES, labels, pixels);
  }

  private float[] values(String layer, long seed) {
    Parameter weight =
        graph.parameters().stream()
            .filter(p -> p.name().equals(weight(layer)))
            .findFirst()
            .orElseThrow();
    return new Initializer(seed).values(weight);
  }

  /// By how much a unit speaks for the first class.
  private double difference(int unit) {
    return (double) classifier[unit] - classifier[UNITS + unit];
  }

  private double distance() {
    double squares = 0;
    for (int unit = 0; unit < UNITS; unit++) {
      squares += difference(unit) * difference(unit);
    }
    return Math.sqrt(squares);
  }

  /// By how much the network prefers the first class for a canary: biases begin at 0.
  private double preference(int canary) {
    double sum = 0;
    for (int unit = 0; unit < UNITS; unit++) {
      sum += difference(unit) * hidden[unit * COUNT + canary];
    }
    return sum;
  }

  /// The name of a layer's weights.
  static String weight(String layer) {
    return layer + ".weight";
  }

  Graph graph() {
    return graph;
  }

  ImageSet images() {
    return images;
  }

  /// Black is 0, and the bright pixel so large that gradients are above the clip norm.
  Normalization normalization() {
    return new Normalization(new float[] {0}, new float[] {1 / amplitude});
  }

  /// How much of a canary's clipped gradient is in a noised sum.
  ///
  /// @param canary which
  /// @param sum of gradients of norm at most 1 by the first layer's weights, `[4, 1, 1, 1024]`
  /// @return about 1 if it is there, 0 if not, but for noise
  double score(int canary, float[] sum) {
    double[] direction = outputGradient(HIDDEN, canary);
    double product = 0;
    for (int unit = 0; unit < UNITS; unit++) {
      product += direction[unit] * sum[unit * COUNT + canary];
    }
    return product;
  }

  /// What the input of a layer is for a canary, but for its size.
  ///
  /// @param layer [#HIDDEN] or [#CLASSIFIER]
  /// @param canary which
  /// @return of norm 1
  double[] input(String layer, int canary) {
    double[] input = new double[layer.equals(HIDDEN) ? COUNT : UNITS];
    if (layer.equals(HIDDEN)) {
      input[canary] = 1;
      return input;
    }
    double squares = 0;
    for (int unit = 0; unit < UNITS; unit++) {
      input[unit] = hidden[unit * COUNT + canary];
      squares += input[unit] * input[unit];
    }
    for (int unit = 0; unit < UNITS; unit++) {
      input[unit] /= Math.sqrt(squares);
    }
    return input;
  }

  /// What the gradient by the output of a layer is for a canary, but for its size.
  ///
  /// @param layer [#HIDDEN] or [#CLASSIFIER]
  /// @param canary which
  /// @return of norm 1
  double[] outputGradient(String layer, int canary) {
    double sign = images.label(canary) == 0 ? -1 : 1;
    if (layer.equals(CLASSIFIER)) {
      return new double[] {sign * Math.sqrt(0.5), -sign * Math.sqrt(0.5)};
    }
    double[] gradient = new double[UNITS];
    for (int unit = 0; unit < UNITS; unit++) {
      gradient[unit] = sign * difference(unit) / distance();
    }
    return gradient;
  }
}
