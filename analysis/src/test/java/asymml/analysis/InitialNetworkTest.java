package asymml.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.analysis.Engine.Net;
import asymml.analysis.RecordedView.Op;
import asymml.kernels.ConvShape;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Initializer;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Linear;
import asymml.model.Layer.Relu;
import asymml.model.Shape;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InitialNetworkTest {
  private static final ConvShape CONV1 = new ConvShape(2, 6, 6, 3, 4, 3, 3, 1, 1);
  private static final ConvShape CONV2 = new ConvShape(2, 6, 6, 4, 5, 3, 3, 1, 1);

  @TempDir Path folder;
  private final Arena arena = Arena.ofConfined();
  private final NaiveEngine engine = new NaiveEngine();

  @AfterEach
  void free() {
    arena.close();
  }

  private static Graph graph(boolean standardised) {
    GraphBuilder graph = new GraphBuilder(new Shape(6, 6, 3));
    graph.add("conv1", new Conv2d(4, 3, 1, 1, standardised));
    graph.add("relu1", new Relu());
    graph.add("conv2", new Conv2d(5, 3, 1, 1, standardised));
    graph.add("relu2", new Relu());
    graph.add("flat", new Flatten());
    graph.add("fc", new Linear(3));
    return graph.build("known");
  }

  private static float[] initial(Graph graph, int node, long seed) {
    return new Initializer(seed).values(graph.parameters(node).getFirst());
  }

  private InitialNetwork known(Graph graph, float[] first, float[] second) throws Exception {
    try (WorkerView view =
        new RecordedView(arena, folder.resolve("view"))
            .of(new Op(CONV1, first), new Op(CONV2, second))) {
      return InitialNetwork.of(Architecture.match(view, graph, List.of("conv1", "conv2")), graph);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 999})
  void a_small_seed_is_found_and_gives_the_weights_that_were_not_sent(long seed) throws Exception {
    Graph graph = graph(false);
    InitialNetwork found = known(graph, initial(graph, 0, seed), initial(graph, 2, seed));
    assertThat(found.seed()).hasValue(seed);
    assertThat(found.knows(graph)).isTrue();
    try (Net net = found.build(engine, graph)) {
      assertThat(net.parameter("fc.weight")).isEqualTo(initial(graph, 5, seed));
      assertThat(net.parameter("conv2.weight")).isEqualTo(initial(graph, 2, seed));
    }
  }

  @Test
  void with_a_seed_that_is_not_tried_only_what_was_sent_is_known() throws Exception {
    Graph graph = graph(false);
    float[] first = initial(graph, 0, 1000);
    float[] second = initial(graph, 2, 1000);
    try (WorkerView view =
        new RecordedView(arena, folder.resolve("view"))
            .of(new Op(CONV1, first), new Op(CONV2, second))) {
      InitialNetwork found =
          InitialNetwork.of(Architecture.match(view, graph, List.of("conv1", "conv2")), graph);
      assertThat(found.seed()).isEmpty();
      assertThat(found.knows(graph)).isFalse();
      assertThatThrownBy(() -> found.build(engine, graph))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("not all weights of known are known");
      Graph part = Architecture.before(graph, 5);
      assertThat(found.knows(part)).isTrue();
      try (Net net = found.build(engine, part)) {
        assertThat(net.parameter("conv1.weight")).isEqualTo(first);
        assertThat(net.parameter("conv2.weight")).isEqualTo(second);
      }
    }
    assertThat(engine.open()).isZero();
  }

  @Test
  void one_changed_weight_is_not_the_seed_s() throws Exception {
    Graph graph = graph(false);
    float[] first = initial(graph, 0, 7);
    first[3] = Math.nextUp(first[3]);
    // The smallest layer decides: conv1.
    assertThat(known(graph, first, initial(graph, 2, 7)).seed()).isEmpty();
  }

  @Test
  void standardised_weights_that_were_sent_do_not_give_those_that_are_trained() throws Exception {
    Graph graph = graph(true);
    InitialNetwork found = known(graph, initial(graph, 0, 7), initial(graph, 2, 7));
    // What is sent is standardised, and these are not.
    assertThat(found.seed()).isEmpty();
    assertThat(found.knows(Architecture.before(graph, 5))).isFalse();
  }

  @Test
  void a_part_with_a_layer_of_no_such_name_is_refused() throws Exception {
    Graph graph = graph(false);
    InitialNetwork found = known(graph, initial(graph, 0, 5000), initial(graph, 2, 5000));
    GraphBuilder other = new GraphBuilder(new Shape(6, 6, 3));
    other.add("conv9", new Conv2d(4, 3, 1, 1));
    other.add("flat", new Flatten());
    assertThatThrownBy(() -> found.knows(other.build("other")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no layer is called conv9");
  }

  @Test
  void one_layer_that_was_sent_is_enough_to_find_the_seed() throws Exception {
    Graph graph = graph(false);
    try (WorkerView view =
        new RecordedView(arena, folder.resolve("view")).of(new Op(CONV1, initial(graph, 0, 1)))) {
      Architecture architecture = Architecture.match(view, graph, List.of("conv1"));
      assertThat(InitialNetwork.of(architecture, graph).seed()).hasValue(1);
    }
  }
}
