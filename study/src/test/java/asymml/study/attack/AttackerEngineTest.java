package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.Engine.Net;
import asymml.analysis.Maps;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Linear;
import asymml.model.Shape;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/// A network of one product, whose values can be told by hand.
class AttackerEngineTest {
  private final AttackerEngine engine = new AttackerEngine();

  private static Graph product() {
    GraphBuilder graph = new GraphBuilder(new Shape(1, 2, 1));
    graph.add("flatten", new Flatten());
    graph.add("fc", new Linear(2));
    return graph.build("product");
  }

  private static Maps images(float... values) {
    return new Maps(values.length / 2, 1, 2, 1, values);
  }

  private Net net() {
    Net net = engine.build(product(), 1);
    net.set("fc.weight", new float[] {1, 2, 3, 4});
    net.set("fc.bias", new float[] {10, 20});
    return net;
  }

  @Test
  void it_computes_what_the_graph_says() {
    try (Net net = net()) {
      assertThat(net.forward(images(1, 0, 0, 1)).values()).containsExactly(11, 23, 12, 24);
      assertThat(net.infer(images(1, 1)).values()).containsExactly(13, 27);
    }
  }

  @Test
  void the_gradient_of_the_images_comes_back() {
    try (Net net = net()) {
      net.forward(images(5, 6));
      Maps dx = net.backward(new Maps(1, 1, 1, 2, new float[] {1, -1}));
      assertThat(dx.values()).containsExactly(1 - 3, 2 - 4);
      assertThat(net.gradient("fc.weight")).containsExactly(5, 6, -5, -6);
      assertThat(net.gradient("fc.bias")).containsExactly(1, -1);
    }
  }

  @Test
  void a_step_goes_against_the_gradient() {
    try (Net net = net()) {
      net.forward(images(1, 0));
      net.backward(new Maps(1, 1, 1, 2, new float[] {1, 0}));
      net.step(0.5f, 0, 0);
      assertThat(net.parameter("fc.weight")).containsExactly(0.5f, 2, 3, 4);
      assertThat(net.infer(images(1, 0)).values()[0]).isCloseTo(0.5f + 9.5f, within(1e-6f));
    }
  }

  @Test
  void initial_weights_follow_from_the_seed() {
    try (Net one = engine.build(product(), 1);
        Net same = engine.build(product(), 1);
        Net other = engine.build(product(), 2)) {
      assertThat(one.parameter("fc.weight")).isEqualTo(same.parameter("fc.weight"));
      assertThat(Arrays.equals(one.parameter("fc.weight"), other.parameter("fc.weight"))).isFalse();
    }
  }

  @Test
  void networks_do_not_share_parameters() {
    try (Net one = net();
        Net other = net()) {
      one.set("fc.bias", new float[] {0, 0});
      assertThat(other.parameter("fc.bias")).containsExactly(10, 20);
    }
  }

  @Test
  void backward_needs_forward() {
    try (Net net = net()) {
      assertThatThrownBy(() -> net.backward(new Maps(1, 1, 1, 2, new float[2])))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("backward before forward");
    }
  }

  @Test
  void batches_of_several_sizes_take_turns() {
    try (Net net = net()) {
      net.forward(images(1, 0, 0, 1));
      net.forward(images(1, 1));
      assertThat(net.backward(new Maps(1, 1, 1, 2, new float[] {0, 1})).values())
          .containsExactly(3, 4);
      assertThat(net.forward(images(2, 0, 0, 0)).values()).containsExactly(12, 26, 10, 20);
    }
  }
}
