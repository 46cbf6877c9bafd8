package asymml.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelDescriptionTest {
  private static final Shape IMAGE = new Shape(64, 64, 3);

  @Test
  void every_network_of_the_zoo_is_read_back_as_it_was_written() {
    for (String name : Zoo.names()) {
      for (Zoo.Norm norm : Zoo.Norm.values()) {
        Graph graph = Zoo.build(name, IMAGE, 7, norm);
        String text = new ModelDescription(name, graph.nodes()).yaml();
        ModelDescription read = ModelDescription.parse(text);
        assertThat(read.graph(IMAGE, 7).nodes()).as(name).isEqualTo(graph.nodes());
        assertThat(read.yaml()).isEqualTo(text);
        Architecture architecture = Architecture.of(text);
        assertThat(architecture.described()).isTrue();
        assertThat(Architecture.of(architecture.text())).isEqualTo(architecture);
        assertThat(architecture.graph(IMAGE, 5, Zoo.Norm.BATCH).classes()).isEqualTo(5);
      }
    }
  }

  @Test
  void every_kind_of_layer_is_written_and_read() {
    List<Node> nodes =
        List.of(
            new Node("1", new Layer.Conv2d(8, 3, 2, 1, true, true), List.of(Graph.INPUT)),
            new Node("a", new Layer.LeakyRelu(0.2f), List.of(0)),
            new Node("true", new Layer.Sigmoid(), List.of(0)),
            new Node("b:c", new Layer.HardSwish(), List.of(0)),
            new Node("cat", new Layer.Concat(), List.of(1, 2, 3)),
            new Node("g", new Layer.GroupedConv2d(12, 3, 1, 1, 4, true, true), List.of(4)),
            new Node("n", new Layer.GroupNorm(3, 1e-3f, false), List.of(5)),
            new Node("p", new Layer.AvgPool(3, 2, 1), List.of(6)),
            new Node("c", new Layer.Clip(-1, 1.5f), List.of(7)),
            new Node("bn", new Layer.BatchNorm(1e-3f, 0.01f), List.of(8)),
            new Node("d", new Layer.Dropout(0.25f), List.of(9)),
            new Node("f", new Layer.Flatten(), List.of(10)),
            new Node("h", new Layer.Linear(9), List.of(11)),
            new Node("t", new Layer.Tanh(), List.of(12)),
            new Node("out", new Layer.Linear(2), List.of(13)));
    ModelDescription description = new ModelDescription("all", nodes);
    assertThat(ModelDescription.parse(description.yaml())).isEqualTo(description);
    assertThat(description.yaml()).contains("{name: \"1\", type: conv, out: 8", "\"true\"");
  }

  @Test
  void a_short_description_has_the_usual_parameters() {
    Graph graph =
        ModelDescription.parse(
                """
                name: tiny
                layers:
                  - {name: conv, type: conv, out: 4, kernel: 3, padding: 1}
                  - {name: norm, type: batch-norm}
                  - {name: act, type: clip}
                  - {name: pool, type: max-pool, kernel: 2}
                  - {name: flat, type: flatten}
                  - {name: fc, type: linear}
                """)
            .graph(new Shape(8, 8, 1), 3);
    assertThat(graph.nodes().get(1).layer()).isEqualTo(new Layer.BatchNorm(1e-5f, 0.1f));
    assertThat(graph.nodes().get(2).layer()).isEqualTo(new Layer.Clip(0, 6));
    assertThat(graph.nodes().get(3).layer()).isEqualTo(new Layer.MaxPool(2, 2, 0));
    assertThat(graph.classes()).isEqualTo(3);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "{name: a, type: conv, out: 4} | layer a: needs 'kernel'",
        "{name: a, type: conv, out: 4, kernel: 3, dilation: 2} | has the key 'dilation', which is"
            + " not known there",
        "{name: a, type: lstm} | layer a: has the type 'lstm'; there are conv, linear,",
        "{name: a, type: relu, inputs: [b]} | reads 'b', which is no layer before it",
        "{name: a, type: conv, out: x, kernel: 3} | layer a: 'out' must be a whole number",
        "{name: a, type: conv, out: 0, kernel: 3} | layer a: output channels out of range: 0",
        "{name: a, type: conv, out: 99999999999, kernel: 3} | 'out' must be a whole number",
        "{name: 7, type: relu} | 'name' must be a text (in quotes, if it looks like a number)",
        "{name: 'a b', type: relu} | 'name' has characters that names do not have",
        "{name: image, type: relu} | layer image: is there twice",
        "{type: relu} | layer 1: needs 'name'",
        "relu | layer 1: is no mapping of keys to values",
        "{name: a, name: b, type: relu} | is no YAML",
        "{name: a, type: clip, low: 2, high: 1} | layer a: a clip needs two finite ends",
      })
  void what_is_wrong_is_said_in_a_line(String layer, String message) {
    assertThatThrownBy(() -> ModelDescription.parse("name: net\nlayers:\n  - " + layer))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message)
        .message()
        .hasLineCount(1);
  }

  @Test
  void a_name_that_is_there_twice_and_a_wrong_end_are_refused() {
    assertThatThrownBy(() ->
            ModelDescription.parse(
                "name: n\nlayers: [{name: a, type: relu}, {name: a, type: tanh}]"))
        .hasMessage("layer a: is there twice");
    assertThatThrownBy(() -> ModelDescription.parse("layers: [{name: a, type: relu}]"))
        .hasMessageContaining("needs 'name'");
    ModelDescription open = ModelDescription.parse("name: n\nlayers: [{name: a, type: relu}]");
    assertThatThrownBy(() -> open.graph(IMAGE, 10))
        .hasMessageContaining("let it end in a linear layer");
    assertThatThrownBy(() -> Architecture.of("vgg99")).hasMessageContaining("resnet20");
  }

  /// Before memory is taken: a hostile description would ask for terabytes.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{name: a, type: conv, out: 2000000000, kernel: 1} | too large",
        "{name: a, type: conv, out: 200000, kernel: 47} | more than the",
        "{name: a, type: conv, out: 500000, kernel: 1} | a map of 64x64x500000 is too large",
      })
  void what_no_machine_can_hold_is_refused(String layer, String message) {
    ModelDescription huge =
        ModelDescription.parse(
            "name: n\nlayers: ["
                + layer
                + ", {name: p, type: global-avg-pool}, {name: f, type: linear}]");
    assertThatThrownBy(() -> huge.graph(IMAGE, 10))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  @Test
  void long_texts_and_many_layers_are_refused() {
    assertThatThrownBy(
            () -> ModelDescription.parse("x".repeat(ModelDescription.MOST_CHARACTERS + 1)))
        .hasMessageContaining("at most 1048576 characters");
    StringBuilder many = new StringBuilder("name: n\nlayers:\n");
    for (int i = 0; i <= ModelDescription.MOST_LAYERS; i++) {
      many.append("  - {name: l").append(i).append(", type: relu}\n");
    }
    assertThatThrownBy(() -> ModelDescription.parse(many.toString()))
        .hasMessageContaining("at most 4096 layers");
  }
}
