package asymml.untrusted;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.GaussianMasks;
import asymml.kernels.MemoryBudget;
import asymml.kernels.Tensor;
import asymml.wire.Deadline;
import asymml.wire.Encoding;
import asymml.wire.Link;
import asymml.wire.MaskKey;
import asymml.wire.Message;
import asymml.wire.OpDescriptor;
import asymml.wire.ProtocolException;
import asymml.wire.ProtocolException.Reason;
import asymml.wire.Region;
import asymml.wire.Slot;
import asymml.wire.UnixTransport;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class SessionTest {
  private static final long REGION_BYTES = 4096;
  private static final OpDescriptor OP = new OpDescriptor(2, 1, 1, 3, 4, 1, 1, 1, 0);
  private static final Slot X = new Slot(0, 6);
  private static final Slot W = new Slot(64, 12);
  private static final Slot Y = new Slot(128, 8);

  private static final long BUDGET_BYTES = 1 << 20;

  @TempDir Path folder;
  private final CompletableFuture<Void> end = new CompletableFuture<>();
  private Link link;
  private long sequence;
  private final MemoryBudget budget = new MemoryBudget(BUDGET_BYTES);

  private static Deadline soon() {
    return Deadline.in(Duration.ofMinutes(5));
  }

  @BeforeEach
  void start_a_session() throws Exception {
    Path socket = folder.resolve("s");
    CompletableFuture<Void> listening = new CompletableFuture<>();
    Thread.ofPlatform().daemon().start(() -> serve(socket, listening));
    listening.get(5, TimeUnit.MINUTES);
    link = new Link(UnixTransport.connect(socket));
  }

  private void serve(Path socket, CompletableFuture<Void> listening) {
    try (Link worker =
            new Link(UnixTransport.accept(socket, soon(), () -> listening.complete(null)));
        Backend backend = new NaiveBackend()) {
      new Session(worker, backend, budget, () -> 77).run();
      end.complete(null);
    } catch (ProtocolException | InterruptedException e) {
      end.completeExceptionally(e);
    }
  }

  @AfterEach
  void leave() {
    link.close();
  }

  private Message ask(Message.Request request) throws ProtocolException {
    sequence++;
    link.send(request, soon());
    return link.receive(soon());
  }

  private void greet() throws ProtocolException {
    assertThat(ask(new Message.Hello(0, Message.PROTOCOL_VERSION)))
        .isEqualTo(
            new Message.Welcome(
                0, Message.PROTOCOL_VERSION, "naive", "float64", ProcessHandle.current().pid()));
  }

  private void succeed(Message.Request request) throws ProtocolException {
    assertThat(ask(request)).isEqualTo(new Message.Done(request.sequence(), 77));
  }

  private Region map() throws Exception {
    Region region = Region.create(REGION_BYTES);
    link.share(region);
    succeed(new Message.MapRegion(sequence, REGION_BYTES, Encoding.FLOAT32));
    return region;
  }

  private void endsWith(Reason reason) {
    assertThatThrownBy(() -> end.get(5, TimeUnit.MINUTES))
        .isInstanceOf(ExecutionException.class)
        .cause()
        .isInstanceOfSatisfying(
            ProtocolException.class, e -> assertThat(e.reason()).isEqualTo(reason));
  }

  @Test
  void a_result_stands_in_its_slot_when_the_answer_comes() throws Exception {
    greet();
    try (Region region = map()) {
      succeed(new Message.DefineOp(sequence, 9, OP));
      for (int i = 0; i < 12; i++) {
        region.at(W).setAtIndex(ValueLayout.JAVA_FLOAT, i, i);
      }
      region.at(X).setAtIndex(ValueLayout.JAVA_FLOAT, 4, 10);
      succeed(new Message.LoadWeights(sequence, 9, W));
      succeed(new Message.Forward(sequence, 9, X, Y));
      assertThat(region.at(Y).toArray(ValueLayout.JAVA_FLOAT))
          .containsExactly(0, 0, 0, 0, 10, 40, 70, 100);
      succeed(new Message.BackwardData(sequence, 9, Y, new Slot(256, 6)));
      succeed(new Message.BackwardWeights(sequence, 9, X, Y, new Slot(320, 12)));
      assertThat(region.at(new Slot(320, 12)).toArray(ValueLayout.JAVA_FLOAT))
          .containsExactly(0, 100, 0, 0, 400, 0, 0, 700, 0, 0, 1000, 0);
    }
    link.send(new Message.Bye(sequence), soon());
    end.get(5, TimeUnit.MINUTES);
  }

  @Test
  void masks_are_those_of_the_key_and_stand_where_they_were_asked_for() throws Exception {
    greet();
    try (Region region = map();
        Arena arena = Arena.ofShared();
        GaussianMasks masks = new GaussianMasks(1)) {
      MaskKey key = new MaskKey(1, -2, 3, -4);
      succeed(new Message.ExpandMask(sequence, new Slot(128, 20), 4, 2.5, key));
      Tensor expected = Tensor.allocate(arena, 4, 5);
      masks.write(key.bytes(), 2.5, expected);
      assertThat(region.at(new Slot(128, 20)).toArray(ValueLayout.JAVA_FLOAT))
          .isEqualTo(expected.toArray());
    }
    link.send(new Message.Bye(sequence), soon());
    end.get(5, TimeUnit.MINUTES);
  }

  interface Ask {
    Message.Request with(long sequence);
  }

  static Stream<Arguments> bad_requests() {
    return Stream.of(
        bad("hello was said already", s -> new Message.Hello(s, 1)),
        bad("op 8 is not defined", s -> new Message.Forward(s, 8, X, Y)),
        bad("op 9 is defined already", s -> new Message.DefineOp(s, 9, OP)),
        bad(
            "this backend fears thirteen",
            s -> new Message.DefineOp(s, 8, new OpDescriptor(1, 1, 1, 1, 1, 1, 1, 13, 0))),
        bad("op 9 has no weights", s -> new Message.Forward(s, 9, X, Y)),
        bad("op 9 has no weights", s -> new Message.BackwardData(s, 9, Y, X)),
        bad("weights has 6 values, the op's has 12", s -> new Message.LoadWeights(s, 9, X)),
        bad("weights has 20 values", s -> new Message.LoadWeights(s, 9, new Slot(4032, 20))),
        bad("dw has 8 values", s -> new Message.BackwardWeights(s, 9, X, Y, Y)),
        bad(
            "x ends at byte 1099511627736 of a region of 4096",
            s -> new Message.BackwardWeights(s, 9, new Slot(1099511627712L, 6), Y, W)),
        bad(
            "the result overlaps an operand",
            s -> new Message.BackwardWeights(s, 9, X, Y, new Slot(128, 12))),
        bad(
            "masks ends at byte 4112 of a region of 4096",
            s -> new Message.ExpandMask(s, new Slot(4032, 20), 5, 1, new MaskKey(1, 2, 3, 4))),
        bad("no weights are held under op 9", s -> new Message.LoadHeld(s, 9, 9)),
        bad("no weights are held under op 9", s -> new Message.KeepDirections(s, 9, X)),
        bad("no weights are held under op 9", s -> new Message.FoldWeights(s, 9, Y)),
        bad("no weights are held under op 9", s -> new Message.KeepGradient(s, 9, 9, X, Y)),
        bad(
            "no weights are held under op 9",
            s -> new Message.UpdateWeights(s, 9, Y, 0.1f, 0.9f, 0)),
        bad("no weights are held under op 9", s -> new Message.FetchHeld(s, 9, true, W)),
        bad("op 8 is not defined", s -> new Message.HoldWeights(s, 8, W, W)),
        bad("momentum has 6 values, the op's has 12", s -> new Message.HoldWeights(s, 9, W, X)),
        bad(
            "cannot map the shared memory: the peer has handed over no memory",
            s -> new Message.MapRegion(s, 4096, Encoding.FLOAT32)),
        bad(
            "shared memory is not encoded",
            s -> new Message.MapRegion(s, 4096, Encoding.BFLOAT16)));
  }

  private static Arguments bad(String reason, Ask ask) {
    return Arguments.of(reason, ask);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("bad_requests")
  void a_bad_request_is_refused_with_its_reason_and_the_session_goes_on(String reason, Ask ask)
      throws Exception {
    greet();
    try (Region region = map()) {
      succeed(new Message.DefineOp(sequence, 9, OP));
      long number = sequence;
      assertThat(ask(ask.with(number)))
          .isInstanceOfSatisfying(
              Message.Failed.class,
              f -> {
                assertThat(f.sequence()).isEqualTo(number);
                assertThat(f.reason()).startsWith(reason);
              });
      succeed(new Message.LoadWeights(sequence, 9, W));
      succeed(new Message.Forward(sequence, 9, X, Y));
      assertThat(region.at(Y).get(ValueLayout.JAVA_FLOAT, 0)).isZero();
    }
  }

  private static final Slot DIRECTIONS = new Slot(384, 6); // [2, 3]
  private static final Slot FACTOR = new Slot(448, 8); // [4, 2]

  /// Weights of a layer `[4, 3]` and two directions.
  private Region held() throws Exception {
    greet();
    Region region = map();
    succeed(new Message.DefineOp(sequence, 9, OP));
    set(region, W, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    set(region, new Slot(512, 12), 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    succeed(new Message.HoldWeights(sequence, 9, W, new Slot(512, 12)));
    set(region, DIRECTIONS, 1, 0, 0, 0, 1, 1);
    succeed(new Message.KeepDirections(sequence, 9, DIRECTIONS));
    return region;
  }

  private static void set(Region region, Slot slot, float... values) {
    for (int i = 0; i < values.length; i++) {
      region.at(slot).setAtIndex(ValueLayout.JAVA_FLOAT, i, values[i]);
    }
  }

  private static float[] get(Region region, Slot slot) {
    return region.at(slot).toArray(ValueLayout.JAVA_FLOAT);
  }

  @Test
  void held_weights_are_folded_updated_and_returned() throws Exception {
    try (Region region = held()) {
      succeed(new Message.FoldWeights(sequence, 9, FACTOR));
      assertThat(get(region, FACTOR)).containsExactly(1, 5, 4, 11, 7, 17, 10, 23);
      // Of two examples, the first has the gradient: dW = dY^T X has one row.
      set(region, X, 1, 2, 3, 0, 0, 0);
      set(region, Y, 1, 0, 0, 0, 0, 0, 0, 0);
      succeed(new Message.KeepGradient(sequence, 9, 9, X, Y));
      set(region, FACTOR, 10, 20, 0, 0, 0, 0, 0, 0);
      succeed(new Message.UpdateWeights(sequence, 9, FACTOR, 2, 0.5f, 1));
      Slot result = new Slot(1024, 12);
      succeed(new Message.FetchHeld(sequence, 9, true, result));
      // v = v / 2 + g + w, g of the first row 1 + 10, 2 + 20, 3 + 20.
      assertThat(get(region, result))
          .containsExactly(
              12.5f, 24.5f, 26.5f, 4.5f, 5.5f, 6.5f, 7.5f, 8.5f, 9.5f, 10.5f, 11.5f, 12.5f);
      succeed(new Message.FetchHeld(sequence, 9, false, result));
      assertThat(get(region, result))
          .containsExactly(-24, -47, -50, -5, -6, -7, -8, -9, -10, -11, -12, -13);
      succeed(new Message.LoadHeld(sequence, 9, 9));
      succeed(new Message.Forward(sequence, 9, X, Y));
      assertThat(get(region, Y)).startsWith(-24 - 2 * 47 - 3 * 50);
    }
    link.send(new Message.Bye(sequence), soon());
    end.get(5, TimeUnit.MINUTES);
    assertThat(budget.takenBytes()).isZero();
  }

  static Stream<Arguments> bad_updates() {
    OpDescriptor other = new OpDescriptor(2, 1, 1, 4, 3, 1, 1, 1, 0);
    return Stream.of(
        bad(
            "the weights of op 9 have no gradient",
            s -> new Message.UpdateWeights(s, 9, FACTOR, 0.1f, 0, 0)),
        bad("folded weights has 12 values, the op's has 8", s -> new Message.FoldWeights(s, 9, W)),
        bad(
            "directions of 3 channels do not have 7 values",
            s -> new Message.KeepDirections(s, 9, new Slot(0, 7))),
        bad(
            "directions of 3 channels do not have 15 values",
            s -> new Message.KeepDirections(s, 9, new Slot(0, 15))),
        bad(
            "directions ends at byte 1099511627736 of a region of 4096",
            s -> new Message.KeepDirections(s, 9, new Slot(1099511627712L, 6))),
        bad("the result has 8 values", s -> new Message.FetchHeld(s, 9, false, Y)),
        bad("x has 8 values", s -> new Message.KeepGradient(s, 9, 9, Y, Y)),
        bad("op 7 is not defined", s -> new Message.LoadHeld(s, 7, 9)),
        bad("op 5 is defined already", s -> new Message.DefineOp(s, 5, other)),
        bad("the weights held under op 9 are of another shape", s -> new Message.LoadHeld(s, 5, 9)),
        bad(
            "the weights held under op 9 are of another shape",
            s -> new Message.KeepGradient(s, 5, 9, Y, X)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("bad_updates")
  void a_bad_request_for_held_weights_is_refused_and_they_stay(String reason, Ask ask)
      throws Exception {
    try (Region region = held()) {
      succeed(new Message.DefineOp(sequence, 5, new OpDescriptor(2, 1, 1, 4, 3, 1, 1, 1, 0)));
      long number = sequence;
      assertThat(ask(ask.with(number)))
          .isInstanceOfSatisfying(
              Message.Failed.class, f -> assertThat(f.reason()).startsWith(reason));
      succeed(new Message.FetchHeld(sequence, 9, false, new Slot(1024, 12)));
      assertThat(get(region, new Slot(1024, 12))).startsWith(1, 2, 3).endsWith(12);
    }
  }

  @Test
  void a_second_gradient_before_an_update_is_refused_and_new_weights_forget_the_first()
      throws Exception {
    try (Region region = held()) {
      succeed(new Message.KeepGradient(sequence, 9, 9, X, Y));
      assertThat(ask(new Message.KeepGradient(sequence, 9, 9, X, Y)))
          .isInstanceOf(Message.Failed.class);
      succeed(new Message.HoldWeights(sequence, 9, W, W));
      assertThat(ask(new Message.UpdateWeights(sequence, 9, FACTOR, 1, 0, 0)))
          .isInstanceOf(Message.Failed.class);
      assertThat(region.sizeBytes()).isEqualTo(REGION_BYTES);
    }
  }

  @Test
  void weights_that_do_not_fit_the_budget_are_not_held() throws Exception {
    greet();
    try (Region region = map()) {
      succeed(new Message.DefineOp(sequence, 9, OP));
      budget.take(BUDGET_BYTES - budget.takenBytes() - 100);
      assertThat(ask(new Message.HoldWeights(sequence, 9, W, W)))
          .isInstanceOfSatisfying(
              Message.Failed.class,
              f -> assertThat(f.reason()).contains("raise it with " + MemoryOptions.FLAG));
      assertThat(region.sizeBytes()).isEqualTo(REGION_BYTES);
    }
  }

  @Test
  void nothing_is_read_before_a_region_is_mapped() throws Exception {
    greet();
    succeed(new Message.DefineOp(sequence, 9, OP));
    assertThat(ask(new Message.LoadWeights(sequence, 9, W)))
        .isEqualTo(new Message.Failed(2, "no tensor region is mapped"));
  }

  @Test
  void memory_of_another_size_than_the_region_is_not_mapped() throws Exception {
    greet();
    try (Region region = Region.create(100)) {
      link.share(region);
      assertThat(ask(new Message.MapRegion(sequence, 4096, Encoding.FLOAT32)))
          .isEqualTo(
              new Message.Failed(
                  1, "cannot map the shared memory: memory of 100 bytes in place of 4096"));
    }
  }

  @Test
  void another_version_is_refused_and_ends_the_session() throws Exception {
    assertThat(ask(new Message.Hello(0, 2)))
        .isEqualTo(
            new Message.Failed(
                0,
                "this worker speaks protocol "
                    + Message.PROTOCOL_VERSION
                    + ", the trainer 2: run the same version on both"
                    + " sides"));
    endsWith(Reason.VIOLATION);
  }

  @Test
  void who_does_not_say_hello_first_is_not_served() throws Exception {
    link.send(new Message.Forward(0, 9, X, Y), soon());
    endsWith(Reason.VIOLATION);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1L + Message.MAX_SEQUENCE_STEP, Long.MAX_VALUE})
  void a_wrong_sequence_number_ends_the_session(long number) throws Exception {
    greet();
    link.send(new Message.DefineOp(number, 9, OP), soon());
    endsWith(Reason.VIOLATION);
  }

  @Test
  void sequence_numbers_grow_by_any_step_up_to_the_largest() throws Exception {
    greet();
    sequence = Message.MAX_SEQUENCE_STEP;
    succeed(new Message.DefineOp(sequence, 9, OP));
    sequence += 12345;
    succeed(new Message.DefineOp(sequence, 10, OP));
  }

  @Test
  void a_reply_or_a_streamed_tensor_ends_the_session() throws Exception {
    greet();
    link.send(new Message.Payload(1, X), soon());
    endsWith(Reason.VIOLATION);
  }

  @Test
  void a_peer_that_leaves_ends_the_session_at_once() throws Exception {
    greet();
    link.close();
    endsWith(Reason.CLOSED);
  }
}
