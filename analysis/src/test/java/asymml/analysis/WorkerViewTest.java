package asymml.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.wire.Message;
import asymml.wire.OpDescriptor;
import asymml.wire.RecordedEvent;
import asymml.wire.RecordedEvent.Held;
import asymml.wire.Recording;
import asymml.wire.RecordingWriter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkerViewTest {
  private static final ConvShape SHAPE = new ConvShape(2, 4, 4, 3, 5, 3, 3, 1, 1);
  private static final OpDescriptor OP = new OpDescriptor(2, 4, 4, 3, 5, 3, 3, 1, 1);
  private static final OpDescriptor OTHER = new OpDescriptor(1, 1, 1, 2, 2, 1, 1, 1, 0);

  @TempDir Path folder;
  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void free() {
    arena.close();
  }

  private Tensor filled(int[] axes, float value) {
    Tensor tensor = Tensor.allocate(arena, axes);
    tensor.fill(value);
    return tensor;
  }

  private Tensor x(float value) {
    return filled(SHAPE.inputAxes(), value);
  }

  private Tensor y(float value) {
    return filled(SHAPE.outputAxes(), value);
  }

  private Tensor w(float value) {
    return filled(SHAPE.weightAxes(), value);
  }

  private Path record(RecordedEvent... events) throws IOException {
    Path file = folder.resolve("recording");
    try (RecordingWriter writer = RecordingWriter.create(file, 1 << 20, "naive", "float32")) {
      for (RecordedEvent event : events) {
        writer.append(event);
      }
    }
    return file;
  }

  private static float value(@Nullable Tensor tensor) {
    Tensor known = Objects.requireNonNull(tensor);
    return known.get(known.size() - 1);
  }

  @Test
  void each_pass_has_its_weights_and_what_came_back() throws Exception {
    Path file =
        record(
            new RecordedEvent.DefineOp(0, 7, OP),
            new RecordedEvent.DefineOp(0, 8, OTHER),
            new RecordedEvent.LoadWeights(1, 7, w(1).segment()),
            new RecordedEvent.Forward(2, 7, x(2).segment(), y(3).segment()),
            new RecordedEvent.BackwardData(3, 7, y(4).segment(), x(5).segment()),
            new RecordedEvent.BackwardWeights(4, 7, x(2).segment(), y(4).segment(), w(6).segment()),
            new RecordedEvent.LoadWeights(5, 7, w(7).segment()),
            new RecordedEvent.Forward(6, 7, x(8).segment(), y(9).segment()));
    try (WorkerView view = WorkerView.open(file)) {
      assertThat(view.operations()).extracting(WorkerView.Operation::id).containsExactly(7, 8);
      WorkerView.Operation op = view.operations().getFirst();
      assertThat(op.shape()).isEqualTo(SHAPE);
      assertThat(op.weights()).extracting(WorkerViewTest::value).containsExactly(1f, 7f);
      assertThat(op.weights().getFirst().shape()).isEqualTo(SHAPE.weightAxes());
      WorkerView.Pass whole = op.passes().getFirst();
      assertThat(whole.weights()).isZero();
      assertThat(
              List.of(
                  value(whole.x()),
                  value(whole.y()),
                  value(whole.dy()),
                  value(whole.dx()),
                  value(whole.dw())))
          .containsExactly(2f, 3f, 4f, 5f, 6f);
      WorkerView.Pass begun = op.passes().getLast();
      assertThat(begun.weights()).isEqualTo(1);
      assertThat(begun.dy()).isNull();
      assertThat(begun.dx()).isNull();
      assertThat(begun.dw()).isNull();
      assertThat(view.operations().getLast().passes()).isEmpty();
      assertThat(view.ending()).isEqualTo(Recording.Ending.COMPLETE);
      assertThat(view.events()).hasSize(8);
    }
  }

  /// Two directions: the first channel, and the sum of all. What does not matter is 0.
  @Test
  void of_weights_that_are_updated_there_the_whole_gradient_is_known() throws Exception {
    int rows = Math.toIntExact(w(0).size()) / SHAPE.inChannels();
    Tensor directions = Tensor.allocate(arena, 2, SHAPE.inChannels());
    directions.set(0, 1);
    for (int c = 0; c < SHAPE.inChannels(); c++) {
      directions.set((long) SHAPE.inChannels() + c, 1);
    }
    Tensor factor = Tensor.allocate(arena, rows, 2);
    factor.set(0, 10);
    factor.set(1, 100);
    Path file =
        record(
            new RecordedEvent.DefineOp(0, 7, OP),
            new RecordedEvent.Received(1, 7, Held.MOMENTUM, w(0).segment()),
            new RecordedEvent.LoadWeights(1, 7, w(1).segment()),
            new RecordedEvent.Forward(2, 7, x(2).segment(), y(3).segment()),
            new RecordedEvent.Received(3, 7, Held.DIRECTIONS, directions.segment()),
            new RecordedEvent.BackwardWeights(4, 7, x(2).segment(), y(4).segment(), w(6).segment()),
            new RecordedEvent.Received(5, 7, Held.FACTOR, factor.segment()));
    try (WorkerView view = WorkerView.open(file)) {
      WorkerView.Operation op = view.operations().getFirst();
      double[] gradient = Objects.requireNonNull(view.firstUpdate(op));
      Tensor own = w(6);
      for (int i = 0; i < gradient.length; i++) {
        double more = i == 0 ? 110 : i < SHAPE.inChannels() ? 100 : 0;
        assertThat(gradient[i]).isEqualTo(own.get(i) + more);
      }
      assertThat(Objects.requireNonNull(GradientSolve.ofUpdate(view, op)).values())
          .isEqualTo(gradient);
    }
  }

  @Test
  void a_factor_without_directions_is_refused() throws Exception {
    Path file =
        record(
            new RecordedEvent.DefineOp(0, 7, OP),
            new RecordedEvent.Received(1, 7, Held.FACTOR, w(1).segment()));
    assertThatThrownBy(() -> WorkerView.open(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("without what must come before");
  }

  @Test
  void a_pass_without_its_beginning_is_refused() throws Exception {
    Path file =
        record(
            new RecordedEvent.DefineOp(0, 7, OP),
            new RecordedEvent.BackwardData(3, 7, y(4).segment(), x(5).segment()));
    assertThatThrownBy(() -> WorkerView.open(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("without what must come before");
  }

  @Test
  void parts_of_a_backward_pass_may_be_withheld_in_either_order() throws Exception {
    Path file =
        record(
            new RecordedEvent.DefineOp(0, 7, OP),
            new RecordedEvent.LoadWeights(1, 7, w(1).segment()),
            new RecordedEvent.Forward(2, 7, x(2).segment(), y(3).segment()),
            new RecordedEvent.BackwardWeights(3, 7, x(9).segment(), y(4).segment(), w(6).segment()),
            new RecordedEvent.Forward(4, 7, x(2).segment(), y(3).segment()),
            new RecordedEvent.BackwardData(5, 7, y(8).segment(), x(5).segment()));
    try (WorkerView view = WorkerView.open(file)) {
      WorkerView.Pass first = view.operations().getFirst().passes().getFirst();
      assertThat(first.dx()).isNull();
      assertThat(value(first.dw())).isEqualTo(6);
      assertThat(value(first.x())).isEqualTo(9); // as it was sent for the gradient
      WorkerView.Pass second = view.operations().getFirst().passes().getLast();
      assertThat(second.dw()).isNull();
      assertThat(value(second.dx())).isEqualTo(5);
      assertThat(value(second.dy())).isEqualTo(8);
    }
  }

  @Test
  void a_pass_without_weights_and_a_gradient_without_a_pass_are_refused() throws Exception {
    Path file =
        record(
            new RecordedEvent.DefineOp(0, 7, OP),
            new RecordedEvent.Forward(2, 7, x(2).segment(), y(3).segment()));
    assertThatThrownBy(() -> WorkerView.open(file))
        .isInstanceOf(IOException.class)
        .hasMessage(file + " has a pass of op 7 without what must come before it");
    Files.delete(file);
    record(
        new RecordedEvent.DefineOp(0, 7, OP),
        new RecordedEvent.LoadWeights(1, 7, w(1).segment()),
        new RecordedEvent.BackwardWeights(3, 7, x(2).segment(), y(4).segment(), w(6).segment()));
    assertThatThrownBy(() -> WorkerView.open(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("a pass of op 7");
  }

  @Test
  void the_check_of_a_worker_is_no_layer() throws Exception {
    Path file =
        record(
            new RecordedEvent.DefineOp(0, Message.CHECK_OP_ID, OTHER),
            new RecordedEvent.DefineOp(0, 3, OP));
    try (WorkerView view = WorkerView.open(file)) {
      assertThat(view.operations()).extracting(WorkerView.Operation::id).containsExactly(3);
    }
  }

  @Test
  void what_is_seen_is_gone_with_the_view() throws Exception {
    Path file =
        record(
            new RecordedEvent.DefineOp(0, 7, OP),
            new RecordedEvent.LoadWeights(1, 7, w(1).segment()));
    WorkerView view = WorkerView.open(file);
    Tensor weights = view.operations().getFirst().weights().getFirst();
    assertThatThrownBy(() -> view.operations().clear())
        .isInstanceOf(UnsupportedOperationException.class);
    view.close();
    assertThatThrownBy(() -> weights.get(0)).isInstanceOf(IllegalStateException.class);
  }
}
