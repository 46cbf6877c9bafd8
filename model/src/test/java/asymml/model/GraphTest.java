package asymml.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Layer.Add;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Layer.Scattering;
import asymml.model.Layer.Tanh;
import java.util.List;
import org.junit.jupiter.api.Test;

class GraphTest {
  private static final Shape INPUT = new Shape(13, 11, 3);

  private static Graph chain(Layer... layers) {
    GraphBuilder builder = new GraphBuilder(INPUT);
    for (int i = 0; i < layers.length; i++) {
      builder.add("layer" + i, layers[i]);
    }
    return builder.build("test");
  }

  @Test
  void windows_round_down() {
    assertThat(chain(new Conv2d(5, 3, 2, 1)).shape(0)).isEqualTo(new Shape(7, 6, 5));
    assertThat(chain(new MaxPool(2, 2, 0)).shape(0)).isEqualTo(new Shape(6, 5, 3));
    assertThat(chain(new Conv2d(5, 5, 3, 0)).shape(0)).isEqualTo(new Shape(3, 3, 5));
  }

  @Test
  void shortcuts_are_edges() {
    GraphBuilder b = new GraphBuilder(INPUT);
    int first = b.add("a", new Relu());
    b.add("b", new Relu());
    b.add("sum", new Add(), first, b.last());
    Graph graph = b.build("test");
    assertThat(graph.consumers(first)).containsExactly(1, 2);
    assertThat(graph.shape(2)).isEqualTo(INPUT);
  }

  @Test
  void a_concatenation_has_the_channels_of_all_its_inputs() {
    GraphBuilder b = new GraphBuilder(INPUT);
    int left = b.add("left", new Conv2d(4, 3, 1, 1));
    int right = b.add("right", new Conv2d(5, 1, 1, 0), Graph.INPUT);
    b.add("joined", new Layer.Concat(), left, right, Graph.INPUT);
    Graph graph = b.build("test");
    assertThat(graph.shape(2))
        .isEqualTo(new Shape(INPUT.height(), INPUT.width(), 9 + INPUT.channels()));
    GraphBuilder twice = new GraphBuilder(INPUT);
    twice.add("twice", new Layer.Concat(), Graph.INPUT, Graph.INPUT);
    assertThatThrownBy(() -> twice.build("test")).hasMessageContaining("layer twice: takes two");
    GraphBuilder sizes = new GraphBuilder(INPUT);
    int small = sizes.add("small", new MaxPool(2, 2, 0));
    sizes.add("joined", new Layer.Concat(), small, Graph.INPUT);
    assertThatThrownBy(() -> sizes.build("test")).hasMessageContaining("maps differ in size");
  }

  @Test
  void grouped_convolutions_have_weights_for_one_group_and_no_place_in_a_plan() {
    Graph graph =
        chain(
            new Conv2d(6, 1, 1, 0, false, true),
            new Layer.GroupedConv2d(12, 3, 1, 1, 3, false, true));
    assertThat(graph.parameters())
        .extracting(Parameter::name)
        .containsExactly("layer0.weight", "layer0.bias", "layer1.weight", "layer1.bias");
    assertThat(graph.parameters().get(2).axes()).containsExactly(12, 3, 3, 2);
    assertThat(graph.linearLayers()).containsExactly(0);
    assertThat(graph.weightedLayers()).containsExactly(0, 1);
    assertThat(graph.multiplyAdds(1)).isEqualTo(INPUT.pixels() * 12L * 9 * 2);
    assertThatThrownBy(() -> chain(new Layer.GroupedConv2d(4, 3, 1, 1, 4, false, false)))
        .hasMessageContaining("4 groups do not divide");
  }

  @Test
  void misfits_name_the_layer() {
    assertThatThrownBy(() -> chain(new Linear(4)))
        .hasMessageContaining("layer0")
        .hasMessageContaining("Flatten");
    assertThatThrownBy(() -> chain(new Conv2d(4, 3, 1, 1), new GroupNorm(3, 1e-5f)))
        .hasMessageContaining("layer1")
        .hasMessageContaining("3 groups");
    assertThatThrownBy(() -> chain(new Flatten(), new MaxPool(2, 2, 0)))
        .hasMessageContaining("layer1");
    assertThatThrownBy(() ->
            new Graph("test", INPUT, List.of(new Node("sum", new Add(), List.of(Graph.INPUT)))))
        .hasMessageContaining("sum");
    assertThatThrownBy(
            () -> new Graph("test", INPUT, List.of(new Node("early", new Relu(), List.of(1)))))
        .hasMessageContaining("early");
  }

  @Test
  void a_layer_that_nothing_reads_is_refused_by_name() {
    GraphBuilder b = new GraphBuilder(INPUT);
    int first = b.add("first", new Relu());
    b.add("dead", new MaxPool(2, 2, 0), first);
    b.add("last", new Relu(), first);
    assertThatThrownBy(() -> b.build("test"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("layer dead: no layer reads its output, and it is not the last one");
  }

  @Test
  void an_addition_of_an_output_to_itself_is_refused_by_name() {
    GraphBuilder b = new GraphBuilder(INPUT);
    int first = b.add("first", new Relu());
    b.add("sum", new Add(), first, first);
    assertThatThrownBy(() -> b.build("test"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("layer sum: adds an output to itself");
  }

  @Test
  void an_addition_reads_two_inputs_and_every_other_layer_one() {
    assertThatThrownBy(() -> new Graph("test", INPUT, List.of()))
        .hasMessageContaining("at least one layer");
    Node node = new Node("act", new Relu(), List.of(Graph.INPUT, Graph.INPUT));
    assertThatThrownBy(() -> new Graph("test", INPUT, List.of(node)))
        .hasMessage("layer act: takes 1 input(s), not 2");
  }

  @Test
  void two_layers_of_one_name_are_refused() {
    GraphBuilder b = new GraphBuilder(INPUT);
    b.add("same", new Relu());
    b.add("same", new Relu());
    assertThatThrownBy(() -> b.build("test")).hasMessageContaining("same");
  }

  @Test
  void initial_weights_are_he_normal_and_depend_on_seed_and_name_only() {
    Parameter weight = Parameter.of("conv.weight", Parameter.Kind.WEIGHT, 64, 3, 3, 32);
    float[] values = new Initializer(7).values(weight);
    double squares = 0;
    for (float v : values) {
      squares += (double) v * v;
    }
    // 18,432 samples: the standard error of the variance is 1 %, so 5 % is five standard errors.
    assertThat(squares / values.length)
        .isCloseTo(2.0 / (9 * 64), org.assertj.core.data.Percentage.withPercentage(5));
    assertThat(new Initializer(7).values(weight)).isEqualTo(values);
    assertThat(new Initializer(8).values(weight)).isNotEqualTo(values);
    Parameter other = Parameter.of("other.weight", Parameter.Kind.WEIGHT, weight.shape());
    assertThat(new Initializer(7).values(other)).isNotEqualTo(values);
  }

  @Test
  void scattering_transforms_the_image_itself() {
    assertThatThrownBy(() -> chain(new Conv2d(4, 3, 1, 1), new Scattering()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("transforms the image itself and can only be the first layer");
    GraphBuilder b = new GraphBuilder(new Shape(30, 32, 3));
    b.add("scattering", new Scattering());
    assertThatThrownBy(() -> b.build("test"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("layer scattering")
        .hasMessageContaining("multiples of 4, not 30x32x3");
  }

  @Test
  void no_gradient_flows_to_fixed_functions_of_the_image() {
    GraphBuilder b = new GraphBuilder(new Shape(8, 8, 1));
    int scattering = b.add("scattering", new Scattering());
    int fixed = b.add("fixed", new GroupNorm(9, 1e-5f, false));
    int trained = b.add("trained", new GroupNorm(9, 1e-5f));
    int after = b.add("after", new Tanh());
    Graph graph = b.build("test");
    assertThat(graph.takesGradient(Graph.INPUT)).isFalse();
    assertThat(graph.takesGradient(scattering)).isFalse();
    assertThat(graph.takesGradient(fixed)).isFalse();
    assertThat(graph.takesGradient(trained)).isTrue();
    assertThat(graph.takesGradient(after)).isTrue();
    assertThat(graph.parameters(fixed)).isEmpty();
    assertThat(graph.parameters(trained)).hasSize(2);
  }
}
