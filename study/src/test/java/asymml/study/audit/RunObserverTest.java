package asymml.study.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Initializer;
import asymml.model.Layer;
import asymml.model.Shape;
import asymml.session.TrainingSpec;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.ops.Parameters;
import asymml.trusted.train.TrainConfig;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/// What an observer makes of a softmax regression of two classes that moved as the test says,
/// against gradients by their formula: `(p - y)` times the image and 1.
class RunObserverTest {
  private static final int CANARIES = 12;
  private static final int PIXELS = 16;
  private static final long SEED = 3;
  private static final double CLIP = 0.3;

  private static final Graph GRAPH = graph();
  private static final ImageSet IMAGES = images();
  private static final Normalization NORMALIZATION = Normalization.constant(1);

  private static Graph graph() {
    GraphBuilder builder = new GraphBuilder(new Shape(4, 4, 1));
    builder.add("flat", new Layer.Flatten());
    builder.add("fc", new Layer.Linear(2));
    return builder.build("regression");
  }

  private static ImageSet images() {
    byte[] pixels = new byte[CANARIES * PIXELS];
    new SplittableRandom(8).nextBytes(pixels);
    int[] labels = new int[CANARIES];
    for (int i = 0; i < CANARIES; i++) {
      labels[i] = i % 2;
    }
    return ImageSet.of(new Shape(4, 4, 1), List.of("a", "b"), labels, pixels);
  }

  private static TrainConfig config(int epochs) {
    return TrainingSpec.defaults()
        .training()
        .withEpochs(epochs)
        .withSeed(SEED)
        .withLabelSmoothing(0);
  }

  /// Weights `[2, 16]`, then both biases.
  private static double[] values(Parameters parameters) {
    double[] values = new double[2 * PIXELS + 2];
    for (int i = 0; i < 2 * PIXELS; i++) {
      values[i] = parameters.value("fc.weight").get(i);
    }
    values[2 * PIXELS] = parameters.value("fc.bias").get(0);
    values[2 * PIXELS + 1] = parameters.value("fc.bias").get(1);
    return values;
  }

  private static double input(int canary, int pixel) {
    byte[] bytes = new byte[PIXELS];
    IMAGES.pixels(canary, bytes);
    return (Byte.toUnsignedInt(bytes[pixel]) / 255.0 - 0.5) / 0.25;
  }

  /// The probability of a canary's own class.
  private static double probability(double[] values, int canary) {
    double margin = values[2 * PIXELS] - values[2 * PIXELS + 1];
    for (int k = 0; k < PIXELS; k++) {
      margin += (values[k] - values[PIXELS + k]) * input(canary, k);
    }
    return 1 / (1 + Math.exp(IMAGES.label(canary) == 0 ? -margin : margin));
  }

  /// A canary's gradient, clipped and divided by the clip norm if it is longer, else divided by it.
  private static double[] clipped(double[] values, int canary) {
    double missing = 1 - probability(values, canary);
    int own = IMAGES.label(canary);
    double[] gradient = new double[values.length];
    double squares = 0;
    for (int output = 0; output < 2; output++) {
      double by = output == own ? -missing : missing;
      for (int k = 0; k < PIXELS; k++) {
        gradient[output * PIXELS + k] = by * input(canary, k);
      }
      gradient[2 * PIXELS + output] = by;
    }
    for (double value : gradient) {
      squares += value * value;
    }
    double length = Math.max(CLIP, Math.sqrt(squares));
    for (int i = 0; i < gradient.length; i++) {
      gradient[i] /= length;
    }
    return gradient;
  }

  private static boolean tookPart(int canary) {
    return canary % 3 == 0;
  }

  /// A step down the clipped gradients of those that take part.
  private static void step(Parameters parameters, double rate) {
    double[] from = values(parameters);
    double[] to = from.clone();
    for (int canary = 0; canary < CANARIES; canary++) {
      if (tookPart(canary)) {
        double[] gradient = clipped(from, canary);
        for (int i = 0; i < to.length; i++) {
          to[i] -= rate * gradient[i];
        }
      }
    }
    for (int i = 0; i < 2 * PIXELS; i++) {
      parameters.value("fc.weight").set(i, (float) to[i]);
    }
    parameters.value("fc.bias").set(0, (float) to[2 * PIXELS]);
    parameters.value("fc.bias").set(1, (float) to[2 * PIXELS + 1]);
  }

  private static double product(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  private static double[] moved(double[] from, double[] to) {
    double[] moved = from.clone();
    for (int i = 0; i < moved.length; i++) {
      moved[i] -= to[i];
    }
    return moved;
  }

  /// Less the mean of the class, of which every second canary is.
  private static double[] centred(double[] scores) {
    double[] centred = scores.clone();
    for (int i = 0; i < scores.length; i++) {
      for (int j = i % 2; j < scores.length; j += 2) {
        centred[i] -= scores[j] / (scores.length / 2.0);
      }
    }
    return centred;
  }

  private static RunObserver observer(int epochs) {
    return new RunObserver(GRAPH, IMAGES, NORMALIZATION, config(epochs), CLIP);
  }

  @Test
  void projections_are_onto_the_clipped_gradients_before_each_epoch() {
    try (RunObserver observer = observer(2);
        Parameters now = new Parameters(GRAPH, new Initializer(SEED), true)) {
      double[] expected = new double[CANARIES];
      for (int epoch = 1; epoch <= 2; epoch++) {
        double[] from = values(now);
        step(now, 0.05 * epoch);
        observer.analyze(epoch, epoch, GRAPH, now, NORMALIZATION);
        for (int i = 0; i < CANARIES; i++) {
          expected[i] += product(moved(from, values(now)), clipped(from, i));
        }
      }
      assertThat(observer.projections()).containsExactly(centred(expected), within(1e-5));
    }
  }

  @Test
  void losses_are_how_far_each_fell_from_the_first_parameters_to_the_last() {
    try (RunObserver observer = observer(2);
        Parameters now = new Parameters(GRAPH, new Initializer(SEED), true)) {
      double[] first = values(now);
      for (int epoch = 1; epoch <= 2; epoch++) {
        step(now, 0.05);
        observer.analyze(epoch, epoch, GRAPH, now, NORMALIZATION);
      }
      double[] fallen = new double[CANARIES];
      for (int i = 0; i < CANARIES; i++) {
        fallen[i] = Math.log(probability(values(now), i) / probability(first, i));
      }
      assertThat(observer.losses()).containsExactly(centred(fallen), within(1e-5));
    }
  }

  @Test
  void where_nothing_moved_nothing_is_told() {
    try (RunObserver observer = observer(1);
        Parameters now = new Parameters(GRAPH, new Initializer(SEED), true)) {
      observer.analyze(1, 1, GRAPH, now, NORMALIZATION);
      assertThat(observer.projections()).containsOnly(0);
      assertThat(observer.separated()).containsOnly(0);
      assertThat(observer.losses()).containsOnly(0);
    }
  }

  /// Without noise the sum of gradients is known: less what they have in common, each of those that
  /// took part has more in it than any other of its class.
  @Test
  void separated_scores_tell_who_took_part() {
    try (RunObserver observer = observer(1);
        Parameters now = new Parameters(GRAPH, new Initializer(SEED), true)) {
      step(now, 0.05);
      observer.analyze(1, 1, GRAPH, now, NORMALIZATION);
      double[] scores = observer.separated();
      for (int i = 0; i < CANARIES; i++) {
        for (int j = i % 2; j < CANARIES; j += 2) {
          if (tookPart(i) && !tookPart(j)) {
            assertThat(scores[i]).isGreaterThan(scores[j]);
          }
        }
      }
    }
  }

  @Test
  void a_move_without_end_scores_nothing() {
    try (RunObserver observer = observer(3);
        Parameters now = new Parameters(GRAPH, new Initializer(SEED), true)) {
      step(now, 0.05);
      observer.analyze(1, 1, GRAPH, now, NORMALIZATION);
      double[] before = observer.projections();
      now.value("fc.bias").set(0, Float.POSITIVE_INFINITY);
      observer.analyze(2, 2, GRAPH, now, NORMALIZATION);
      assertThat(observer.projections()).isEqualTo(before);
    }
  }
}
