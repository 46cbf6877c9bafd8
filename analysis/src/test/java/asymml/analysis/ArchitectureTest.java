package asymml.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.analysis.Architecture.Neighbours;
import asymml.analysis.RecordedView.Op;
import asymml.kernels.ConvShape;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer;
import asymml.model.Layer.Add;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Node;
import asymml.model.Shape;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ArchitectureTest {
  private static final BatchNorm BATCH_NORM = new BatchNorm(1e-5f, 0.1f);
  private static final ConvShape CONV1 = new ConvShape(2, 8, 8, 3, 4, 3, 3, 1, 1);
  private static final ConvShape CONV2 = new ConvShape(2, 4, 4, 4, 6, 3, 3, 1, 1);
  private static final ConvShape FC = ConvShape.linear(2, 96, 5);

  @TempDir Path folder;
  private final Arena arena = Arena.ofConfined();
  private int views;

  @AfterEach
  void free() {
    arena.close();
  }

  private static Op op(ConvShape s) {
    return new Op(
        s, new float[s.outChannels() * s.kernelHeight() * s.kernelWidth() * s.inChannels()]);
  }

  private WorkerView view(Op... ops) throws Exception {
    return new RecordedView(arena, folder.resolve("view" + views++)).of(ops);
  }

  /// conv1, a normalisation or none, ReLU, pooling or none, conv2, ReLU, fc.
  private static Graph chain(@Nullable Layer norm, @Nullable Layer pool) {
    GraphBuilder graph = new GraphBuilder(new Shape(8, 8, 3));
    graph.add("conv1", new Conv2d(4, 3, 1, 1));
    if (norm != null) {
      graph.add("norm1", norm);
    }
    graph.add("relu1", new Relu());
    if (pool != null) {
      graph.add("pool1", pool);
    }
    graph.add("conv2", new Conv2d(6, 3, 1, 1));
    graph.add("relu2", new Relu());
    graph.add("flat", new Flatten());
    graph.add("fc", new Linear(5));
    return graph.build("chain");
  }

  private static final List<String> ALL = List.of("conv1", "conv2", "fc");

  private Architecture chained(@Nullable Layer norm, @Nullable Layer pool) throws Exception {
    Graph graph = chain(norm, pool);
    ConvShape second = pool == null ? new ConvShape(2, 8, 8, 4, 6, 3, 3, 1, 1) : CONV2;
    int size = second.outHeight() * second.outWidth() * 6;
    try (WorkerView view = view(op(CONV1), op(second), op(ConvShape.linear(2, size, 5)))) {
      return Architecture.match(view, graph, ALL);
    }
  }

  @Test
  void operations_are_the_layers_in_their_order() throws Exception {
    Graph graph = chain(BATCH_NORM, new MaxPool(2, 2, 0));
    try (WorkerView view = view(op(CONV1), op(CONV2), op(FC))) {
      Architecture found = Architecture.match(view, graph, ALL);
      assertThat(found.operations().keySet()).containsExactly(0, 4, 7);
      assertThat(found.operations().values())
          .extracting(WorkerView.Operation::shape)
          .containsExactly(CONV1, CONV2, FC);
      assertThat(found.name(4)).isEqualTo("conv2");
      assertThatThrownBy(() -> found.operations().clear())
          .isInstanceOf(UnsupportedOperationException.class);
    }
  }

  @Test
  void layers_that_stay_and_operations_of_another_batch_are_passed_over() throws Exception {
    Graph graph = chain(BATCH_NORM, new MaxPool(2, 2, 0));
    try (WorkerView view = view(op(CONV2), op(CONV2.withBatch(7)))) {
      Architecture found = Architecture.match(view, graph, List.of("conv2"));
      assertThat(found.operations().keySet()).containsExactly(4);
    }
  }

  @Test
  void another_number_of_operations_is_refused() throws Exception {
    Graph graph = chain(BATCH_NORM, new MaxPool(2, 2, 0));
    try (WorkerView view = view(op(CONV1), op(CONV2))) {
      assertThatThrownBy(() -> Architecture.match(view, graph, ALL))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("the recording has 2 operations for 3 layers");
    }
  }

  @Test
  void an_operation_of_another_shape_is_refused() throws Exception {
    Graph graph = chain(BATCH_NORM, new MaxPool(2, 2, 0));
    try (WorkerView view = view(op(CONV2), op(CONV1), op(FC))) {
      assertThatThrownBy(() -> Architecture.match(view, graph, ALL))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("operation 1 is ")
          .hasMessageContaining("layer conv1 is ");
    }
  }

  @Test
  void a_recording_without_a_pass_is_refused() throws Exception {
    Graph graph = chain(BATCH_NORM, new MaxPool(2, 2, 0));
    try (WorkerView view = view(new Op(CONV1))) {
      assertThatThrownBy(() -> Architecture.match(view, graph, ALL))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("the recording holds no pass");
    }
  }

  @Test
  void neighbours_see_through_normalisation_relu_pooling_and_flattening() throws Exception {
    MaxPool pool = new MaxPool(2, 2, 0);
    assertThat(chained(BATCH_NORM, pool).neighbours())
        .containsExactly(new Neighbours(0, 4, 2, BATCH_NORM, 2), new Neighbours(4, 7, 5, null, 1));
    GroupNorm group = new GroupNorm(2, 1e-5f);
    assertThat(chained(group, null).neighbours())
        .containsExactly(new Neighbours(0, 3, 2, group, 1), new Neighbours(3, 6, 4, null, 1));
    assertThat(chained(null, null).neighbours().getFirst())
        .isEqualTo(new Neighbours(0, 2, 1, null, 1));
  }

  /// Windows that overlap or are cut off pass a gradient on to more places than one.
  @ParameterizedTest
  @CsvSource({"3, 2, 1", "2, 2, 1"})
  void pooling_of_other_windows_is_not_seen_through(int kernel, int stride, int padding)
      throws Exception {
    Graph graph = chain(BATCH_NORM, new MaxPool(kernel, stride, padding));
    Shape pooled = graph.shape(3);
    ConvShape second = new ConvShape(2, pooled.height(), pooled.width(), 4, 6, 3, 3, 1, 1);
    int size = pooled.height() * pooled.width() * 6;
    try (WorkerView view = view(op(CONV1), op(second), op(ConvShape.linear(2, size, 5)))) {
      assertThat(Architecture.match(view, graph, ALL).neighbours())
          .extracting(Neighbours::from)
          .containsExactly(4);
    }
  }

  @Test
  void a_layer_that_several_read_has_no_neighbour() throws Exception {
    GraphBuilder builder = new GraphBuilder(new Shape(8, 8, 3));
    int first = builder.add("conv1", new Conv2d(4, 3, 1, 1));
    int relu = builder.add("relu", new Relu(), first);
    int second = builder.add("conv2", new Conv2d(4, 3, 1, 1), relu);
    builder.add("sum", new Add(), second, relu);
    builder.add("flat", new Flatten());
    builder.add("fc", new Linear(5));
    Graph graph = builder.build("residual");
    ConvShape inner = new ConvShape(2, 8, 8, 4, 4, 3, 3, 1, 1);
    try (WorkerView view = view(op(CONV1), op(inner), op(ConvShape.linear(2, 256, 5)))) {
      assertThat(Architecture.match(view, graph, ALL).neighbours()).isEmpty();
    }
  }

  @Test
  void a_layer_whose_successor_stays_has_no_neighbour() throws Exception {
    Graph graph = chain(BATCH_NORM, new MaxPool(2, 2, 0));
    try (WorkerView view = view(op(CONV1), op(FC))) {
      assertThat(Architecture.match(view, graph, List.of("conv1", "fc")).neighbours()).isEmpty();
    }
  }

  @Test
  void the_first_layer_alone_reads_the_images() throws Exception {
    Architecture found = chained(BATCH_NORM, new MaxPool(2, 2, 0));
    assertThat(found.readsImages(0)).isTrue();
    assertThat(found.readsImages(4)).isFalse();
    assertThat(found.standardises(0)).isFalse();
  }

  @Test
  void what_comes_before_a_layer_is_all_that_its_input_depends_on() {
    GraphBuilder builder = new GraphBuilder(new Shape(8, 8, 3));
    int first = builder.add("conv1", new Conv2d(4, 3, 1, 1));
    builder.add("relu", new Relu(), first);
    int second = builder.add("conv2", new Conv2d(4, 3, 1, 1));
    int side = builder.add("side", new Conv2d(4, 1, 1, 0), Graph.INPUT);
    int later = builder.add("later", new Relu(), side);
    int sum = builder.add("sum", new Add(), second, side);
    int last = builder.add("conv3", new Conv2d(4, 3, 1, 1), sum);
    builder.add("both", new Add(), last, later);
    builder.add("flat", new Flatten());
    builder.add("fc", new Linear(5));
    Graph graph = builder.build("two ways");
    Graph before = Architecture.before(graph, last);
    assertThat(before.nodes())
        .extracting(Node::name)
        .containsExactly("conv1", "relu", "conv2", "side", "sum", "seen");
    assertThat(before.nodes().get(4).inputs()).containsExactly(2, 3);
    assertThat(before.classes()).isEqualTo(8 * 8 * 4);
    assertThat(before.name()).isEqualTo("two ways before conv3");
    assertThatThrownBy(() -> Architecture.before(graph, first))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("conv1 reads the images themselves");
  }
}
