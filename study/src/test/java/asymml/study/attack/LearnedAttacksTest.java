package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.analysis.Engine.Net;
import asymml.analysis.GradientInversion;
import asymml.analysis.Maps;
import asymml.analysis.ModelInversion;
import asymml.analysis.ReleasedMembership;
import asymml.analysis.Withheld;
import asymml.analysis.score.MapScores;
import asymml.analysis.score.SpanScores;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer.AvgPool;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Linear;
import asymml.model.Layer.Relu;
import asymml.model.Shape;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/// Attacks that train or differentiate networks, on cases whose answer is known. Seeds are fixed.
class LearnedAttacksTest {
  private final AttackerEngine engine = new AttackerEngine();

  /// Smooth images: sums of a few waves, a value of about 1.
  private static Maps images(SplittableRandom random, int n, int side) {
    Maps maps = new Maps(n, side, side, 3, new float[n * side * side * 3]);
    for (int i = 0; i < n; i++) {
      for (int c = 0; c < 3; c++) {
        double fx = random.nextDouble(-1, 1);
        double fy = random.nextDouble(-1, 1);
        double phase = random.nextDouble(2 * Math.PI);
        for (int y = 0; y < side; y++) {
          for (int x = 0; x < side; x++) {
            maps.values()[((i * side + y) * side + x) * 3 + c] =
                (float) (1.4 * Math.sin(fx * x + fy * y + phase));
          }
        }
      }
    }
    return maps;
  }

  private static Graph classifier(int side, int width, int classes) {
    GraphBuilder graph = new GraphBuilder(new Shape(side, side, 3));
    graph.add("conv1", new Conv2d(width, 3, 1, 1));
    graph.add("relu1", new Relu());
    graph.add("conv2", new Conv2d(width, 3, 2, 1));
    graph.add("relu2", new Relu());
    graph.add("flatten", new Flatten());
    graph.add("fc", new Linear(classes));
    return graph.build("planted");
  }

  private static Map<String, float[]> gradients(Net net, Graph graph, Maps x, int... labels) {
    net.backward(ReleasedMembership.lossGradient(net.forward(x), labels));
    Map<String, float[]> gradients = new LinkedHashMap<>();
    for (int i : graph.linearLayers()) {
      String name = graph.nodes().get(i).name() + ".weight";
      gradients.put(name, net.gradient(name));
    }
    return gradients;
  }

  @Test
  void the_engine_differentiates_by_the_images() {
    Graph graph = classifier(6, 4, 3);
    SplittableRandom random = new SplittableRandom(5);
    Maps x = images(random, 2, 6);
    int[] labels = {2, 0};
    try (Net net = engine.build(graph, 3)) {
      Maps dx = net.backward(ReleasedMembership.lossGradient(net.forward(x), labels));
      for (int i : new int[] {0, 17, 100, 215}) {
        double difference = 0;
        for (int side : new int[] {1, -1}) {
          Maps moved = x.slice(0, 2);
          moved.values()[i] += side * 1e-2f;
          difference += side * loss(net.forward(moved), labels) / 2e-2;
        }
        assertThat((double) dx.values()[i]).isCloseTo(difference, within(2e-3));
      }
    }
  }

  private static Offset<Double> within(double error) {
    return Offset.offset(error);
  }

  private static double loss(Maps logits, int[] labels) {
    int classes = logits.exampleSize();
    double sum = 0;
    for (int i = 0; i < labels.length; i++) {
      double all = 0;
      for (int k = 0; k < classes; k++) {
        all += Math.exp(logits.values()[i * classes + k]);
      }
      sum += Math.log(all) - logits.values()[i * classes + labels[i]];
    }
    return sum / labels.length;
  }

  @Test
  void an_image_comes_back_from_the_gradients_of_all_layers() {
    Graph graph = classifier(12, 12, 4);
    Maps truth = images(new SplittableRandom(7), 1, 12);
    try (Net net = engine.build(graph, 3)) {
      Map<String, float[]> target = gradients(net, graph, truth, 2);
      float[] weight = net.parameter("conv1.weight");
      GradientInversion.Result found =
          GradientInversion.invert(net, target, graph.input(), 1, 4, 200, 1);
      assertThat(found.distance()).isLessThan(0.15);
      assertThat(cosine(found.images(), truth)).isGreaterThan(0.75);
      assertThat(net.parameter("conv1.weight")).isEqualTo(weight);
    }
  }

  /// 8 of 16 channels of a random layer leave, with noise of half their size.
  @Test
  void a_decoder_gives_images_back_from_part_of_their_channels() {
    assertThat(decoded(0.5)).isGreaterThan(0.6);
  }

  /// Strong noise must not drive the decoder to where it gives the same for everything: that looks
  /// like protection.
  @Test
  void a_decoder_sees_through_noise_three_times_as_large() {
    assertThat(decoded(3)).isGreaterThan(0.25);
  }

  private double decoded(double noiseRatio) {
    GraphBuilder builder = new GraphBuilder(new Shape(12, 12, 3));
    builder.add("conv1", new Conv2d(16, 3, 1, 1));
    builder.add("relu1", new Relu());
    builder.add("pool1", new AvgPool(2, 2, 0));
    builder.add("seen", new Flatten());
    Maps known = images(new SplittableRandom(11), 192, 12);
    Maps truth = images(new SplittableRandom(12), 16, 12);
    Withheld withheld = new Withheld(8, true, noiseRatio);
    Shape input = new Shape(6, 6, 16);
    try (Net net = engine.build(builder.build("before"), 3)) {
      Maps activations = ModelInversion.activations(net, known, input, 16);
      Maps sent =
          withheld.noised(
              withheld.residual(ModelInversion.activations(net, truth, input, 16)),
              new SplittableRandom(13));
      try (ModelInversion decoder =
          ModelInversion.train(engine, activations, known, withheld, 16, 12, 1)) {
        return MapScores.cosine(decoder.decode(sent), truth);
      }
    }
  }

  /// Noise that says nothing of images gives their mean, which has no deviation of its own: its
  /// cosine over 16 images is within 5 of the deviations that 1 / sqrt(16 * 20) of about 20 free
  /// values an image leaves to chance.
  @Test
  void a_decoder_makes_nothing_of_pure_noise() {
    Maps known = images(new SplittableRandom(11), 64, 8);
    Maps truth = images(new SplittableRandom(12), 16, 8);
    Withheld withheld = new Withheld(0, true, 0);
    SplittableRandom random = new SplittableRandom(14);
    try (ModelInversion decoder =
        ModelInversion.train(
            engine, withheld.noised(noise(random, 64), random), known, withheld, 16, 4, 1)) {
      Maps found = decoder.decode(noise(random, 16));
      assertThat(Math.abs(MapScores.cosine(found, truth))).isLessThan(0.28);
    }
  }

  private static Maps noise(SplittableRandom random, int n) {
    Maps maps = new Maps(n, 4, 4, 6, new float[n * 96]);
    for (int i = 0; i < maps.values().length; i++) {
      maps.values()[i] = (float) random.nextGaussian();
    }
    return maps;
  }

  /// A network that has learned 24 images with random labels by heart, beside 24 others.
  @Test
  void members_of_an_overfitted_model_are_told() {
    Graph graph = classifier(8, 8, 4);
    SplittableRandom random = new SplittableRandom(21);
    int members = 24;
    Maps candidates = images(random, 2 * members, 8);
    int[] labels = random.ints(candidates.examples(), 0, 4).toArray();
    float[] rates = {0.05f};
    var training = new ReleasedMembership.Training(8, 60, rates, 0.9f, 0);
    List<ReleasedMembership.Shadow> shadows =
        ReleasedMembership.shadows(engine, graph, candidates, labels, 4, training, 1);
    Maps own = candidates.slice(0, members);
    int[] ownLabels = Arrays.copyOf(labels, members);
    try (Net victim = engine.build(graph, 99)) {
      for (int step = 0; step < 400; step++) {
        victim.backward(ReleasedMembership.lossGradient(victim.forward(own), ownLabels));
        victim.step(0.05f, 0.9f, 0);
      }
      double[] confidence = ReleasedMembership.confidence(victim, candidates, labels, 16);
      assertThat(auc(confidence, members)).isGreaterThan(0.9);
      assertThat(auc(ReleasedMembership.scores(confidence, shadows), members)).isGreaterThan(0.9);
    }
  }

  private static double auc(double[] scores, int members) {
    return SpanScores.auc(
        Arrays.copyOf(scores, members), Arrays.copyOfRange(scores, members, scores.length));
  }

  private static double cosine(Maps a, Maps b) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.values().length; i++) {
      ab += (double) a.values()[i] * b.values()[i];
      aa += (double) a.values()[i] * a.values()[i];
      bb += (double) b.values()[i] * b.values()[i];
    }
    return ab / Math.sqrt(aa * bb);
  }
}
