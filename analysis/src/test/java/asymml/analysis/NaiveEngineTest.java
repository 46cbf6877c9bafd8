package asymml.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.Engine.Net;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer.Add;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Linear;
import asymml.model.Layer.Relu;
import asymml.model.Shape;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The computer that the attacks are tested with. The seed is fixed.
class NaiveEngineTest {
  private final SplittableRandom random = new SplittableRandom(41);
  private final NaiveEngine engine = new NaiveEngine();

  /// A strided convolution, two ways of which one has a ReLU, and a linear layer.
  static Graph branched() {
    GraphBuilder graph = new GraphBuilder(new Shape(5, 4, 2));
    int first = graph.add("conv1", new Conv2d(3, 3, 2, 1));
    graph.add("bn", new BatchNorm(1e-5f, 0.1f), first);
    graph.add("relu", new Relu());
    int deep = graph.add("conv2", new Conv2d(3, 1, 1, 0));
    graph.add("both", new Add(), deep, first);
    graph.add("flat", new Flatten());
    graph.add("fc", new Linear(4));
    return graph.build("branched");
  }

  private static double loss(Net net, Maps x, Maps weights) {
    Maps y = net.forward(x);
    double sum = 0;
    for (int i = 0; i < y.values().length; i++) {
      sum += (double) y.values()[i] * weights.values()[i];
    }
    return sum;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"conv1.weight", "conv2.weight", "bn.weight", "bn.bias", "fc.weight", "fc.bias"})
  void gradients_of_parameters_match_finite_differences(String name) {
    try (Net net = engine.build(branched(), 3)) {
      Maps x = Planted.normal(random, 3, 5, 4, 2);
      Maps dy = Planted.normal(random, 3, 1, 1, 4);
      net.forward(x);
      net.backward(dy);
      float[] gradient = net.gradient(name);
      float[] value = net.parameter(name);
      float step = 1e-2f;
      for (int i = 0; i < value.length; i += Math.max(1, value.length / 7)) {
        float[] moved = value.clone();
        moved[i] = value[i] + step;
        net.set(name, moved);
        double above = loss(net, x, dy);
        moved[i] = value[i] - step;
        net.set(name, moved);
        double below = loss(net, x, dy);
        net.set(name, value);
        assertThat((above - below) / (2 * step)).isCloseTo(gradient[i], within(2e-2));
      }
    }
  }

  @Test
  void the_gradient_of_the_images_matches_finite_differences() {
    try (Net net = engine.build(branched(), 4)) {
      Maps x = Planted.normal(random, 2, 5, 4, 2);
      Maps dy = Planted.normal(random, 2, 1, 1, 4);
      net.forward(x);
      Maps dx = net.backward(dy);
      for (int i = 0; i < x.values().length; i += 5) {
        float value = x.values()[i];
        x.values()[i] = value + 1e-2f;
        double above = loss(net, x, dy);
        x.values()[i] = value - 1e-2f;
        double below = loss(net, x, dy);
        x.values()[i] = value;
        assertThat((above - below) / 2e-2).isCloseTo(dx.values()[i], within(2e-2));
      }
    }
  }

  @Test
  void inference_takes_running_statistics_which_training_moves() {
    GraphBuilder graph = new GraphBuilder(new Shape(1, 1, 1));
    graph.add("bn", new BatchNorm(1e-12f, 0.5f));
    graph.add("flat", new Flatten());
    try (Net net = engine.build(graph.build("norm"), 0)) {
      Maps x = new Maps(2, 1, 1, 1, new float[] {1, 5});
      assertThat(net.infer(x).values()).containsExactly(1, 5); // mean 0, variance 1
      assertThat(net.forward(x).values()).containsExactly(-1, 1);
      assertThat(net.parameter("bn.running_mean")).containsExactly(1.5f);
      assertThat(net.parameter("bn.running_var")).containsExactly(2.5f);
    }
  }

  @Test
  void steps_follow_momentum_and_decay_on_weights_alone() {
    GraphBuilder graph = new GraphBuilder(new Shape(1, 1, 1));
    graph.add("fc", new Linear(1));
    try (Net net = engine.build(graph.build("line"), 0)) {
      net.set("fc.weight", new float[] {2});
      Maps x = new Maps(1, 1, 1, 1, new float[] {3});
      Maps dy = new Maps(1, 1, 1, 1, new float[] {1});
      net.forward(x);
      net.backward(dy);
      net.step(0.1f, 0.5f, 0.25f); // v = 3 + 0.5
      assertThat(net.parameter("fc.weight")[0]).isCloseTo(1.65f, within(1e-6f));
      assertThat(net.parameter("fc.bias")[0]).isCloseTo(-0.1f, within(1e-6f));
      net.step(0.1f, 0.5f, 0); // v = 1.75 + 3
      assertThat(net.parameter("fc.weight")[0]).isCloseTo(1.175f, within(1e-6f));
    }
  }

  @Test
  void networks_are_counted_until_they_are_closed_and_of_no_use_then() {
    Net net = engine.build(branched(), 0);
    assertThat(engine.open()).isOne();
    net.close();
    net.close();
    assertThat(engine.open()).isZero();
    assertThatThrownBy(() -> net.forward(Planted.normal(random, 1, 5, 4, 2)))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> net.set("conv1.weight", new float[1]))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
