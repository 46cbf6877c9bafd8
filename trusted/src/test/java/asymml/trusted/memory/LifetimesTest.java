package asymml.trusted.memory;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer;
import asymml.model.Layer.Activation;
import asymml.model.Layer.Add;
import asymml.model.Layer.AvgPool;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Concat;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Dropout;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GlobalAvgPool;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.GroupedConv2d;
import asymml.model.Layer.HardSwish;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Layer.Scattering;
import asymml.model.Node;
import asymml.model.Shape;
import asymml.trusted.memory.Lifetimes.Flow;
import asymml.trusted.memory.SlabLayout.Span;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// Plays steps of random networks in the memory that was planned for them, with a name in the place
/// of each value: what an operation reads must be what was written for it. What operations read is
/// said here a second time.
class LifetimesTest {
  private static final Shape SHAPE = new Shape(4, 4, 4);

  /// How an operation writes a gradient of an input.
  private enum Way {
    /// A kernel, apart from what it reads.
    APART,
    /// A kernel, value by value.
    IN_PLACE,
    /// Not at all: it is the output's.
    SAME,
    /// From a worker, at the end.
    LATE
  }

  /// One step of a network.
  private static final class Play {
    private final Graph graph;
    private final Plan plan;
    private final Purpose purpose;
    private final boolean shares;
    private final Lifetimes lifetimes;
    private final SlabLayout layout;
    private final @Nullable String[] lines;
    private final int[] parts;

    Play(Graph graph, Plan plan, Purpose purpose, boolean shares) {
      this.graph = graph;
      this.plan = plan;
      this.purpose = purpose;
      this.shares = shares;
      lifetimes = new Lifetimes(graph, plan, 2, purpose, shares);
      layout = new SlabLayout(lifetimes.spans());
      lines = new String[line(layout.sizeBytes())];
      parts = new int[graph.nodes().size()];
    }

    private static int line(long bytes) {
      return Math.toIntExact(bytes / Tensor.ALIGNMENT_BYTES);
    }

    private void write(int buffer, String name) {
      int from = line(layout.offset(buffer));
      for (int i = 0; i < line(lifetimes.spans().get(buffer).room()); i++) {
        lines[from + i] = name;
      }
    }

    private void expect(int buffer, String name, String reader) {
      int from = line(layout.offset(buffer));
      for (int i = 0; i < line(lifetimes.spans().get(buffer).room()); i++) {
        assertThat(lines[from + i]).as("%s reads %s", reader, name).isEqualTo(name);
      }
    }

    private boolean isView(int node) {
      return switch (graph.nodes().get(node).layer()) {
        case Flatten _ -> true;
        case Dropout _ -> purpose == Purpose.INFERENCE;
        default -> false;
      };
    }

    /// What stands where a node's output is.
    private String value(int node) {
      if (node == Graph.INPUT) {
        return "images";
      }
      boolean own = !lifetimes.fused(node) && !isView(node);
      return own ? "output of " + node : value(source(node));
    }

    private int source(int node) {
      return graph.nodes().get(node).inputs().getFirst();
    }

    private int last() {
      return graph.nodes().size() - 1;
    }

    void forward() {
      write(lifetimes.output(Graph.INPUT), value(Graph.INPUT));
      for (int i = 0; i <= last(); i++) {
        if (lifetimes.fused(i) || isView(i)) {
          assertThat(lifetimes.output(i)).isEqualTo(lifetimes.output(source(i)));
          continue;
        }
        readAll(i);
        write(lifetimes.output(i), value(i));
        // It goes on reading while it writes.
        readAll(i);
      }
      expectResults("the caller after the forward pass");
    }

    private void readAll(int node) {
      for (int input : graph.nodes().get(node).inputs()) {
        expect(lifetimes.output(input), value(input), node + " forward");
      }
    }

    private void expectResults(String reader) {
      expect(lifetimes.output(Graph.INPUT), value(Graph.INPUT), reader);
      expect(lifetimes.output(last()), value(last()), reader);
    }

    private int buffer(int node) {
      return Objects.requireNonNull(lifetimes.gradientOf(node));
    }

    /// The operation that takes in a node's gradient.
    private int operation(int node) {
      return lifetimes.fused(node) ? source(node) : node;
    }

    private String gradient(int operation) {
      return "gradient of " + operation + " from " + parts[operation] + " readers";
    }

    private int readers(int operation) {
      int count = operation == operation(last()) ? 1 : 0;
      for (int i = 0; i <= last(); i++) {
        if (!lifetimes.fused(i) && graph.takesGradient(i)) {
          for (int input : graph.nodes().get(i).inputs()) {
            count += input != Graph.INPUT && operation(input) == operation ? 1 : 0;
          }
        }
      }
      return count;
    }

    void backward() {
      int end = operation(last());
      parts[end] = 1;
      write(buffer(last()), gradient(end));
      for (int i = last(); i >= 0; i--) {
        assertThat(lifetimes.gradientOf(i) != null).isEqualTo(graph.takesGradient(i));
        if (!lifetimes.fused(i) && graph.takesGradient(i)) {
          assertThat(parts[i]).as("readers of %d", i).isEqualTo(readers(i));
          backward(i);
        }
      }
      expectResults("the caller after the backward pass");
    }

    private void backward(int i) {
      String whole = gradient(i);
      int own = buffer(i);
      expect(own, whole, i + " backward");
      expectOperands(i);
      Way way = way(i);
      @Nullable String passed = null;
      for (int input : graph.nodes().get(i).inputs()) {
        Flow flow = lifetimes.flow(i, input);
        if (!graph.takesGradient(input)) {
          boolean norm = isNorm(graph.nodes().get(i));
          assertThat(flow != null).as("flow to what is fixed").isEqualTo(norm);
          if (flow != null && flow.total() != own) {
            write(flow.total(), "nothing");
          } else if (flow != null) {
            passed = "nothing";
          }
        } else if (take(i, operation(input), Objects.requireNonNull(flow), own, way)) {
          passed = gradient(operation(input));
        }
        // A worker's result is taken when all else is done.
        if (way != Way.LATE) {
          expectOperands(i);
          expect(own, whole, i + " backward, still");
        }
      }
      if (passed != null) {
        write(own, passed);
      }
    }

    /// Whether the gradient is put where the output's was.
    private boolean take(int i, int to, Flow flow, int own, Way way) {
      assertThat(flow.adds()).as("%d adds to that of %d", i, to).isEqualTo(parts[to] > 0);
      if (!flow.adds()) {
        parts[to]++;
        boolean same = flow.total() == own;
        if (same) {
          assertThat(way).isIn(Way.IN_PLACE, Way.SAME);
          assertThat(purpose).isNotEqualTo(Purpose.INSPECTION);
        } else {
          write(flow.total(), gradient(to));
        }
        return same;
      }
      if (way == Way.APART || way == Way.IN_PLACE) {
        int scratch = Objects.requireNonNull(flow.scratch());
        if (scratch == own) {
          assertThat(way).isEqualTo(Way.IN_PLACE);
        } else {
          write(scratch, "scratch");
        }
      } else {
        assertThat(flow.scratch()).isNull();
      }
      expect(flow.total(), gradient(to), i + " adds");
      parts[to]++;
      write(flow.total(), gradient(to));
      return false;
    }

    private void expectOperands(int i) {
      Node node = graph.nodes().get(i);
      boolean relu = graph.pairsWithRelu(i);
      boolean input =
          switch (node.layer()) {
            case Conv2d _, Linear _ -> !plan.placement(node.name()).needsWorker() || shares;
            case GroupedConv2d _, BatchNorm _, GroupNorm _, HardSwish _ -> true;
            case Relu _,
                Activation _,
                Scattering _,
                MaxPool _,
                AvgPool _,
                GlobalAvgPool _,
                Add _,
                Concat _,
                Flatten _,
                Dropout _ ->
                false;
          };
      boolean output =
          switch (node.layer()) {
            case HardSwish _ -> false;
            case Relu _, Activation _ -> true;
            case GroupNorm _, Add _ -> relu;
            case Conv2d _,
                GroupedConv2d _,
                Linear _,
                BatchNorm _,
                Scattering _,
                MaxPool _,
                AvgPool _,
                GlobalAvgPool _,
                Concat _,
                Flatten _,
                Dropout _ ->
                false;
          };
      if (input) {
        readAll(i);
      }
      if (output) {
        expect(lifetimes.output(i), value(i), i + " backward");
      }
    }

    private Way way(int i) {
      Node node = graph.nodes().get(i);
      return switch (node.layer()) {
        case Conv2d _, Linear _ -> plan.placement(node.name()).needsWorker() ? Way.LATE : Way.APART;
        case BatchNorm _, GroupNorm _, Relu _, Activation _, Dropout _ -> Way.IN_PLACE;
        case Add _, Flatten _ -> Way.SAME;
        case GroupedConv2d _, MaxPool _, AvgPool _, GlobalAvgPool _, Concat _ -> Way.APART;
        case Scattering _ -> throw new AssertionError("nothing goes backward there");
      };
    }

    private static boolean isNorm(Node node) {
      return node.layer() instanceof BatchNorm || node.layer() instanceof GroupNorm;
    }

    /// All that a step computed can be read after it.
    void expectAll() {
      for (int i = 0; i <= last(); i++) {
        expect(lifetimes.output(i), value(i), "the inspector");
        if (graph.takesGradient(i)) {
          expect(buffer(i), gradient(operation(i)), "the inspector");
        }
      }
    }
  }

  @Test
  void random_networks_read_what_was_written_for_them() {
    System.out.println("seed 91");
    SplittableRandom random = new SplittableRandom(91);
    for (int trial = 0; trial < 400; trial++) {
      Graph graph = RandomGraphs.next(random);
      Plan plan = random.nextBoolean() ? Plan.trusted(graph) : RandomGraphs.plan(graph, random);
      boolean shares = random.nextBoolean();
      Play inference = new Play(graph, Plan.trusted(graph), Purpose.INFERENCE, false);
      inference.forward();
      Play training = new Play(graph, plan, Purpose.TRAINING, shares);
      training.forward();
      training.backward();
      Play inspection = new Play(graph, plan, Purpose.INSPECTION, shares);
      inspection.forward();
      inspection.backward();
      inspection.expectAll();
      // What is used again is never more than what is kept.
      assertThat(training.layout.sizeBytes()).isLessThanOrEqualTo(inspection.layout.sizeBytes());
      assertThat(inference.layout.sizeBytes()).isLessThan(training.layout.sizeBytes());
    }
  }

  @Test
  void at_inference_nothing_has_a_gradient() {
    Graph graph = RandomGraphs.next(new SplittableRandom(92));
    Lifetimes lifetimes = new Lifetimes(graph, Plan.trusted(graph), 1, Purpose.INFERENCE, false);
    for (int i = 0; i < graph.nodes().size(); i++) {
      assertThat(lifetimes.gradientOf(i)).isNull();
      for (int input : graph.nodes().get(i).inputs()) {
        assertThat(lifetimes.flow(i, input)).isNull();
      }
    }
  }

  @Test
  void at_inference_a_norm_is_folded_into_a_layer_at_the_workers_alone() {
    Graph graph =
        chain(
            new Conv2d(4, 3, 1, 1),
            new BatchNorm(1e-5f, 0.1f),
            new Relu(),
            new Conv2d(4, 3, 1, 1),
            new BatchNorm(1e-5f, 0.1f),
            new GlobalAvgPool());
    Plan plan =
        Plan.of(
            graph,
            Mode.DP_ONLY,
            Decomposition.SHARED,
            new RankPolicy.Fixed(0),
            List.of(Plan.FIRST));
    Lifetimes inference = new Lifetimes(graph, plan, 1, Purpose.INFERENCE, false);
    assertThat(inference.fused(1)).isFalse();
    assertThat(inference.fused(2)).isTrue();
    assertThat(inference.fused(4)).isTrue();
    assertThat(inference.output(4)).isEqualTo(inference.output(3));
    assertThat(inference.output(1)).isNotEqualTo(inference.output(0));
    Lifetimes training = new Lifetimes(graph, plan, 1, Purpose.TRAINING, false);
    assertThat(training.fused(4)).isFalse();
  }

  private static Graph chain(Layer... layers) {
    GraphBuilder b = new GraphBuilder(SHAPE);
    for (int i = 0; i < layers.length; i++) {
      b.add("layer" + i, layers[i]);
    }
    return b.build("chain");
  }

  @Test
  void a_relu_is_fused_where_it_alone_reads_what_can_apply_it() {
    Graph graph =
        chain(
            new Conv2d(4, 3, 1, 1),
            new Relu(),
            new BatchNorm(1e-5f, 0.1f),
            new Relu(),
            new Relu(),
            new GlobalAvgPool());
    Lifetimes lifetimes = new Lifetimes(graph, Plan.trusted(graph), 1, Purpose.TRAINING, false);
    List<Integer> fused = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      if (lifetimes.fused(i)) {
        fused.add(i);
      }
    }
    assertThat(fused).containsExactly(3);
    assertThat(lifetimes.gradientOf(3)).isEqualTo(lifetimes.gradientOf(2));
  }

  /// Of elementwise layers one after the other, all gradients stand in one place.
  @Test
  void layers_that_may_write_over_a_gradient_pass_one_buffer_down() {
    Graph graph =
        chain(
            new Conv2d(4, 3, 1, 1),
            new Relu(),
            new Dropout(0.5f),
            new GroupNorm(2, 1e-5f),
            new Flatten(),
            new Linear(3));
    Lifetimes lifetimes = new Lifetimes(graph, Plan.trusted(graph), 3, Purpose.TRAINING, false);
    for (int i = 0; i < 4; i++) {
      assertThat(lifetimes.gradientOf(i)).as("%d", i).isEqualTo(lifetimes.gradientOf(4));
    }
    assertThat(lifetimes.gradientOf(5)).isNotEqualTo(lifetimes.gradientOf(4));
    Lifetimes kept = new Lifetimes(graph, Plan.trusted(graph), 3, Purpose.INSPECTION, false);
    assertThat(List.of(0, 1, 2, 3, 4, 5).stream().map(kept::gradientOf).distinct().count())
        .isEqualTo(6);
  }

  @Test
  void buffers_have_the_size_of_what_they_hold_and_grow_with_the_batch() {
    Graph graph = chain(new Conv2d(7, 3, 2, 1), new Flatten(), new Linear(3));
    for (int batch = 1; batch < 4; batch++) {
      Lifetimes lifetimes =
          new Lifetimes(graph, Plan.trusted(graph), batch, Purpose.TRAINING, false);
      List<Span> spans = lifetimes.spans();
      assertThat(spans.get(lifetimes.output(Graph.INPUT)).sizeBytes()).isEqualTo(4L * batch * 64);
      assertThat(spans.get(lifetimes.output(0)).sizeBytes()).isEqualTo(4L * batch * 28);
      assertThat(spans.get(Objects.requireNonNull(lifetimes.gradientOf(1))).sizeBytes())
          .isEqualTo(4L * batch * 28);
      assertThat(spans.get(lifetimes.output(2)).sizeBytes()).isEqualTo(4L * batch * 3);
    }
  }
}
