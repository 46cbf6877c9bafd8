package asymml.trusted.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer.Add;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Linear;
import asymml.model.Layer.Relu;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.plan.Plan;
import java.lang.foreign.Arena;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class NetworkBuffersTest {
  private static final Graph GRAPH = graph();

  /// `left` and `right` read one output.
  private static Graph graph() {
    GraphBuilder b = new GraphBuilder(new Shape(4, 5, 3));
    int start = b.add("first", new Conv2d(4, 3, 1, 1));
    int left = b.add("left", new Conv2d(4, 3, 1, 1), start);
    int right = b.add("right", new Relu(), start);
    b.add("sum", new Add(), left, right);
    b.add("flatten", new Flatten());
    b.add("fc", new Linear(2));
    return b.build("two readers");
  }

  private static NetworkBuffers buffers(int batch, Purpose purpose) {
    return new NetworkBuffers(GRAPH, Plan.trusted(GRAPH), batch, purpose, false);
  }

  @ParameterizedTest
  @EnumSource(Purpose.class)
  void tensors_have_the_shapes_of_their_nodes_and_start_as_zeros(Purpose purpose) {
    try (NetworkBuffers buffers = buffers(3, purpose)) {
      assertThat(buffers.input().shape()).containsExactly(3, 4, 5, 3);
      assertThat(buffers.output(0).shape()).containsExactly(3, 4, 5, 4);
      assertThat(buffers.output(4).shape()).containsExactly(3, 1, 1, 80);
      assertThat(buffers.logits().shape()).containsExactly(3, 2);
      for (int i = 0; i < 6; i++) {
        assertThat(buffers.output(i).toArray()).containsOnly(0);
        Tensor gradient = buffers.gradient(i);
        if (purpose == Purpose.INFERENCE) {
          assertThat(gradient).isNull();
        } else {
          assertThat(Objects.requireNonNull(gradient).shape()).isEqualTo(buffers.output(i).shape());
        }
      }
      assertThat(buffers.logitsGradient() == null).isEqualTo(purpose == Purpose.INFERENCE);
      assertThat(buffers.sizeBytes() % Tensor.ALIGNMENT_BYTES).isZero();
    }
  }

  @Test
  void views_of_one_tensor_are_one_memory() {
    try (NetworkBuffers buffers = buffers(2, Purpose.TRAINING)) {
      buffers.logits().set(3, 5);
      assertThat(buffers.output(5).get(3)).isEqualTo(5);
      Objects.requireNonNull(buffers.logitsGradient()).set(1, 7);
      assertThat(Objects.requireNonNull(buffers.gradient(5)).get(1)).isEqualTo(7);
      // A flattened map is the map.
      buffers.output(3).set(17, 9);
      assertThat(buffers.output(4).get(17)).isEqualTo(9);
    }
  }

  @Test
  void of_two_readers_the_last_writes_the_gradient_and_the_first_adds_to_it() {
    try (NetworkBuffers buffers = buffers(2, Purpose.INSPECTION)) {
      GradientTarget late = Objects.requireNonNull(buffers.target(2, 0));
      GradientTarget early = Objects.requireNonNull(buffers.target(1, 0));
      assertThat(late.adds()).isFalse();
      assertThat(early.adds()).isTrue();
      Tensor gradient = Objects.requireNonNull(buffers.gradient(0));
      late.destination().fill(2);
      late.done();
      early.destination().fill(0.5f);
      assertThat(gradient.toArray()).containsOnly(2);
      early.done();
      assertThat(gradient.toArray()).containsOnly(2.5f);
      assertThat(buffers.target(0, Graph.INPUT)).isNull();
    }
  }

  @Test
  void what_may_be_overwritten_is_not_shown_after_a_step() {
    for (Purpose purpose : new Purpose[] {Purpose.TRAINING, Purpose.INFERENCE}) {
      try (NetworkBuffers buffers = buffers(1, purpose)) {
        assertThatThrownBy(buffers::requireKept)
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("not planned for inspection");
      }
    }
    try (NetworkBuffers buffers = buffers(1, Purpose.INSPECTION)) {
      buffers.requireKept();
      assertThat(buffers.output(0).size()).isEqualTo(80);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cnn", "resnet20", "vgg11"})
  void memory_used_again_is_half_of_what_is_kept_or_less(String model) {
    Graph graph = Zoo.build(model, new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);
    Plan plan = Plan.trusted(graph);
    long kept =
        new SlabLayout(new Lifetimes(graph, plan, 8, Purpose.INSPECTION, false).spans())
            .sizeBytes();
    long training =
        new SlabLayout(new Lifetimes(graph, plan, 8, Purpose.TRAINING, false).spans()).sizeBytes();
    assertThat(training).isLessThanOrEqualTo(kept / 2);
  }

  @Test
  void all_memory_is_filled_and_zeroed() {
    try (NetworkBuffers buffers = buffers(2, Purpose.TRAINING)) {
      buffers.fill(Float.NaN);
      for (int i = 0; i < 6; i++) {
        assertThat(buffers.output(i).toArray()).containsOnly(Float.NaN);
      }
      buffers.clear();
      for (int i = 0; i < 6; i++) {
        assertThat(buffers.output(i).toArray()).containsOnly(0);
      }
    }
  }

  @Test
  void buffers_are_closed_twice_and_what_lies_in_their_arena_with_them() {
    NetworkBuffers buffers = buffers(2, Purpose.TRAINING);
    Tensor input = buffers.input();
    Tensor other = Tensor.allocate(buffers.arena(), 4);
    buffers.close();
    buffers.close();
    for (Tensor tensor : new Tensor[] {input, other}) {
      assertThatThrownBy(() -> tensor.segment().fill((byte) 1))
          .isInstanceOf(IllegalStateException.class);
    }
    assertThatThrownBy(() -> Tensor.allocate(buffers.arena(), 4))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void a_target_that_comes_first_overwrites_and_one_that_comes_later_adds() {
    try (Arena arena = Arena.ofShared()) {
      Tensor total = Tensor.allocate(arena, 3);
      Tensor aside = Tensor.allocate(arena, 3);
      Tensor gradient = Tensor.allocate(arena, 3).copyFrom(new float[] {1, 2, 3});
      total.fill(Float.NaN);
      GradientTarget first = new GradientTarget(total, false, null);
      assertThat(first.destination()).isSameAs(total);
      first.take(gradient);
      first.done();
      assertThat(total.toArray()).containsExactly(1, 2, 3);
      GradientTarget later = new GradientTarget(total, true, aside);
      assertThat(later.destination()).isSameAs(aside);
      later.destination().fill(10);
      later.done();
      assertThat(total.toArray()).containsExactly(11, 12, 13);
      later.take(gradient);
      assertThat(total.toArray()).containsExactly(12, 14, 16);
      // The gradient of an addition's output may be that of its input already.
      new GradientTarget(total, false, null).take(total);
      assertThat(total.toArray()).containsExactly(12, 14, 16);
      GradientTarget byItself = new GradientTarget(total, true, null);
      byItself.take(gradient);
      assertThat(total.toArray()).containsExactly(13, 16, 19);
      assertThatThrownBy(byItself::destination)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("planned for an operation that adds by itself");
    }
  }
}
