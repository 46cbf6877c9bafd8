package asymml.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.Engine.Net;
import asymml.analysis.GradientInversion.Result;
import asymml.analysis.score.MapScores;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Linear;
import asymml.model.Layer.Relu;
import asymml.model.Shape;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Gradients of known images through a small network. The seeds are fixed.
class GradientInversionTest {
  private static final Shape IMAGE = new Shape(6, 6, 1);
  private static final int CLASSES = 4;
  private static final List<String> WEIGHTS = List.of("conv.weight", "fc.weight", "fc.bias");

  private final SplittableRandom random = new SplittableRandom(8);
  private final NaiveEngine engine = new NaiveEngine();
  private final Net net = engine.build(graph(), 2);

  private static Graph graph() {
    GraphBuilder graph = new GraphBuilder(IMAGE);
    graph.add("conv", new Conv2d(6, 3, 1, 1));
    graph.add("relu", new Relu());
    graph.add("flat", new Flatten());
    graph.add("fc", new Linear(CLASSES));
    return graph.build("small");
  }

  @AfterEach
  void free() {
    net.close();
  }

  /// Soft gradients from one side to the other, each with its own direction.
  private Maps images(int count) {
    Maps images = new Maps(count, 6, 6, 1, new float[36 * count]);
    double turned = random.nextDouble(2 * Math.PI);
    for (int n = 0; n < count; n++) {
      double angle = turned + 2 * n;
      for (int i = 0; i < 36; i++) {
        int row = i / 6;
        double along = Math.cos(angle) * (i % 6 - 2.5) + Math.sin(angle) * (row - 2.5);
        images.values()[36 * n + i] = (float) (0.5 * along);
      }
    }
    return images;
  }

  private Map<String, float[]> gradients(Maps images, int... labels) {
    net.backward(ReleasedMembership.lossGradient(net.forward(images), labels));
    Map<String, float[]> gradients = new HashMap<>();
    WEIGHTS.forEach(name -> gradients.put(name, net.gradient(name)));
    return gradients;
  }

  private Result invert(Map<String, float[]> target, int count, int iterations) {
    return GradientInversion.invert(net, target, IMAGE, count, CLASSES, iterations, 5);
  }

  private static double cosine(float[] a, float[] b) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      ab += (double) a[i] * b[i];
      aa += (double) a[i] * a[i];
      bb += (double) b[i] * b[i];
    }
    return ab / Math.sqrt(aa * bb);
  }

  @Test
  void one_image_comes_back_from_its_gradient_and_without_its_label() {
    Maps secret = images(1);
    Result found = invert(gradients(secret, 2), 1, 150);
    assertThat(found.distance()).isBetween(0.0, 0.05);
    assertThat(cosine(found.images().values(), secret.values())).isGreaterThan(0.95);
  }

  @Test
  void two_images_come_back_in_some_order() {
    Maps secret = images(2);
    Map<String, float[]> target = gradients(secret, 0, 3);
    Result found = invert(target, 2, 150);
    assertThat(found.distance()).isBetween(0.0, 0.1);
    Maps matched = MapScores.matched(found.images(), secret);
    assertThat(MapScores.cosine(matched, secret)).isGreaterThan(0.95);
  }

  /// A cosine of unrelated maps of about 2 free values may be anything; that of gradients of 600
  /// values may not: noise is no image's gradient.
  @Test
  void noise_is_nobody_s_gradient() {
    Map<String, float[]> noise = new HashMap<>();
    gradients(images(1), 2)
        .forEach((name, values) ->
            noise.put(name, Planted.normal(random, 1, 1, 1, values.length).values()));
    assertThat(invert(noise, 1, 100).distance()).isGreaterThan(0.5);
  }

  @Test
  void more_iterations_come_nearer() {
    Map<String, float[]> target = gradients(images(1), 1);
    double few = invert(target, 1, 5).distance();
    double many = invert(target, 1, 150).distance();
    assertThat(many).isLessThan(few / 2);
  }

  @Test
  void a_factor_of_the_gradient_changes_nothing() {
    Map<String, float[]> target = gradients(images(1), 1);
    Map<String, float[]> eightfold = new HashMap<>();
    target.forEach((name, values) -> {
      float[] scaled = values.clone();
      for (int i = 0; i < scaled.length; i++) {
        scaled[i] *= 8; // exact
      }
      eightfold.put(name, scaled);
    });
    Result found = invert(target, 1, 20);
    Result same = invert(eightfold, 1, 20);
    assertThat(same.distance()).isCloseTo(found.distance(), within(1e-6));
    assertThat(cosine(same.images().values(), found.images().values())).isGreaterThan(0.9999);
  }

  @Test
  void the_network_has_its_weights_back_at_the_end_and_pixels_stay_in_range() {
    Map<String, float[]> before = new HashMap<>();
    WEIGHTS.forEach(name -> before.put(name, net.parameter(name)));
    Result found = invert(gradients(images(1), 1), 1, 60);
    WEIGHTS.forEach(name -> assertThat(net.parameter(name)).isEqualTo(before.get(name)));
    for (float pixel : found.images().values()) {
      assertThat(pixel).isBetween(-3f, 3f);
    }
  }

  @Test
  void the_gradient_of_some_layers_is_enough_to_start_from() {
    Map<String, float[]> target = gradients(images(1), 1);
    target.keySet().removeIf(name -> !name.equals("fc.weight"));
    Result found = invert(target, 1, 60);
    assertThat(found.distance()).isLessThan(0.3);
  }

  @Test
  void the_same_seed_gives_the_same_images_and_another_one_others() {
    Map<String, float[]> target = gradients(images(1), 1);
    float[] first = invert(target, 1, 3).images().values();
    assertThat(invert(target, 1, 3).images().values()).isEqualTo(first);
    assertThat(GradientInversion.invert(net, target, IMAGE, 1, CLASSES, 3, 6).images().values())
        .isNotEqualTo(first);
  }

  @Test
  void gradients_of_nothing_and_of_other_sizes_are_refused() {
    assertThatThrownBy(() -> invert(Map.of("fc.bias", new float[CLASSES]), 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the gradients are all 0");
    assertThatThrownBy(() -> invert(Map.of("fc.bias", new float[] {1, 2}), 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("two values of fc.bias differ in size");
    assertThatThrownBy(() -> invert(Map.of("no.weight", new float[] {1}), 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no.weight");
  }
}
