package asymml.trusted.boundary;

import static asymml.trusted.boundary.FakeWorker.soon;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Convolution.Pass;
import asymml.kernels.GaussianMasks;
import asymml.kernels.Tensor;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.OpDescriptor;
import asymml.wire.ProtocolException;
import asymml.wire.Region;
import asymml.wire.Slot;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Workers that compute the check's product truly, in too few bits, or not at all.
class PrecisionCheckTest {
  private static final Duration LIMIT = Duration.ofMinutes(5);

  @TempDir Path folder;

  /// What a worker does to each operand before it multiplies, and to results.
  private record Arithmetic(
      UnaryOperator<Float> operand, BiFunction<Message, Float, Float> result) {
    static Arithmetic of(UnaryOperator<Float> operand) {
      return new Arithmetic(operand, (_, value) -> value);
    }
  }

  private static final Arithmetic STRICT = Arithmetic.of(value -> value);

  /// Keeps some bits of the mantissa, to nearest: 10 are those of TensorFloat-32.
  private static Arithmetic rounding(int bits) {
    int drop = 23 - bits;
    int half = 1 << (drop - 1);
    return Arithmetic.of(
        value -> Float.intBitsToFloat((Float.floatToRawIntBits(value) + half) & -(1 << drop)));
  }

  /// Serves the requests of a check until the goodbye.
  private static void serve(
      Link link, Arithmetic arithmetic, UnaryOperator<byte[]> keys, List<Message> seen)
      throws IOException {
    try (Computing worker = new Computing(arithmetic, keys)) {
      for (Message m = link.receive(soon());
          !(m instanceof Message.Bye);
          m = link.receive(soon())) {
        seen.add(m);
        worker.answer(link, m);
        link.send(new Message.Done(m.sequence(), seen.size()), soon());
      }
    }
  }

  /// One operation on a shared region.
  private static final class Computing implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final Arithmetic arithmetic;
    private final UnaryOperator<byte[]> keys;
    private Region region;
    private ConvShape shape;
    private Convolution layer;

    Computing(Arithmetic arithmetic, UnaryOperator<byte[]> keys) throws IOException {
      this.arithmetic = arithmetic;
      this.keys = keys;
      this.region = Region.allocate(64);
      this.shape = ConvShape.linear(1, 1, 1);
      this.layer = new Convolution(shape, EnumSet.of(Pass.FORWARD));
    }

    void answer(Link link, Message request) throws IOException {
      switch (request) {
        case Message.MapRegion m -> {
          region.close();
          region = link.shared(m.sizeBytes());
        }
        case Message.DefineOp m -> define(m.op());
        case Message.ExpandMask m -> {
          try (GaussianMasks masks = new GaussianMasks(1)) {
            masks.write(
                keys.apply(m.key().bytes()), m.deviation(), m.examples(), region.at(m.masks()));
          }
        }
        case Message.LoadWeights m -> layer.loadWeights(operand(m.weights(), shape.weightAxes()));
        case Message.Forward m -> {
          Tensor y = Tensor.allocate(arena, shape.outputAxes());
          layer.forward(operand(m.x(), shape.inputAxes()), y);
          store(m, y, m.y());
        }
        case Message.BackwardData m -> {
          Tensor dx = Tensor.allocate(arena, shape.inputAxes());
          layer.backwardData(operand(m.dy(), shape.outputAxes()), dx);
          store(m, dx, m.dx());
        }
        case Message _ -> throw new IllegalStateException("not part of a check: " + request);
      }
    }

    private void define(OpDescriptor op) {
      layer.close();
      shape =
          new ConvShape(
              op.batch(),
              op.height(),
              op.width(),
              op.inChannels(),
              op.outChannels(),
              op.kernelHeight(),
              op.kernelWidth(),
              op.stride(),
              op.padding());
      layer = new Convolution(shape, EnumSet.of(Pass.FORWARD, Pass.BACKWARD_DATA));
    }

    private Tensor operand(Slot slot, int[] axes) {
      Tensor own = Tensor.allocate(arena, axes).copyFrom(Tensor.of(region.at(slot), axes));
      for (long i = 0; i < own.size(); i++) {
        own.set(i, arithmetic.operand().apply(own.get(i)));
      }
      return own;
    }

    private void store(Message request, Tensor result, Slot slot) {
      Tensor target = Tensor.of(region.at(slot), result.shape());
      for (long i = 0; i < result.size(); i++) {
        target.set(i, arithmetic.result().apply(request, result.get(i)));
      }
    }

    @Override
    public void close() {
      layer.close();
      region.close();
      arena.close();
    }
  }

  private List<Message> check(Arithmetic arithmetic, UnaryOperator<byte[]> keys) throws Exception {
    List<Message> seen = new ArrayList<>();
    try (FakeWorker fake =
            FakeWorker.polite(folder, (link, _) -> serve(link, arithmetic, keys, seen));
        RemoteWorker worker = RemoteWorker.connect(fake.address(), null, LIMIT);
        ReleaseDoor door = new ReleaseDoor(worker, new SeededSecureRandom(82), 1)) {
      PrecisionCheck.require(worker, door, "worker 1 of 2");
      // Masks hold nothing: no byte of data was released.
      assertThat(worker.bytesToWorker()).isZero();
    }
    return seen;
  }

  @Test
  void a_worker_that_computes_in_float32_passes_without_receiving_any_data() throws Exception {
    List<Message> seen = check(STRICT, UnaryOperator.identity());
    assertThat(seen)
        .filteredOn(m -> m instanceof Message.ExpandMask)
        .extracting(m -> ((Message.ExpandMask) m).key().bytes())
        .hasSize(2)
        .doesNotHaveDuplicates();
    assertThat(seen)
        .noneMatch(m -> m instanceof Message.Payload || m instanceof Message.BackwardWeights);
  }

  @Test
  void two_checks_never_use_the_same_masks() throws Exception {
    List<Message> both = new ArrayList<>(check(STRICT, UnaryOperator.identity()));
    both.addAll(check(STRICT, UnaryOperator.identity()));
    assertThat(both.stream().filter(m -> m instanceof Message.ExpandMask).distinct()).hasSize(4);
  }

  /// TensorFloat-32, bfloat16, and the coarsest that is still refused.
  @ParameterizedTest
  @ValueSource(ints = {7, 10, 15})
  void a_worker_that_computes_in_fewer_bits_than_it_says_is_refused_with_its_error(int bits) {
    assertThatThrownBy(() -> check(rounding(bits), UnaryOperator.identity()))
        .isInstanceOf(ProtocolException.class)
        .hasMessageMatching(
            "worker 1 of 2 says that it computes in float32, but the error of a known product is"
                + " [0-9.]+e-0[2-6] of it and float32 gives less than 5e-06: use another worker,"
                + " or the residual shield");
  }

  @Test
  void rounding_in_the_last_bits_is_no_reason_to_refuse_a_worker() {
    assertThatCode(() -> check(rounding(21), UnaryOperator.identity())).doesNotThrowAnyException();
  }

  @Test
  void a_wrong_gradient_is_found_as_well_as_a_wrong_output() {
    for (Class<? extends Message> wrong :
        List.of(Message.Forward.class, Message.BackwardData.class)) {
      Arithmetic arithmetic =
          new Arithmetic(
              value -> value,
              (request, value) -> wrong.isInstance(request) ? value * 1.00001f : value);
      assertThatThrownBy(() -> check(arithmetic, UnaryOperator.identity()))
          .as(wrong.getSimpleName())
          .hasMessageContaining("1.0e-05 of it");
    }
  }

  @Test
  void results_that_are_not_finite_do_not_pass_for_exact_ones() {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      Arithmetic arithmetic = new Arithmetic(value -> value, (_, _) -> bad);
      assertThatThrownBy(() -> check(arithmetic, UnaryOperator.identity()))
          .isInstanceOf(ProtocolException.class)
          .hasMessageContaining("says that it computes in float32");
    }
  }

  /// Its results would be right for masks that this side does not take off.
  @Test
  void a_worker_that_makes_other_masks_of_a_key_is_refused() {
    assertThatThrownBy(() ->
            check(
                STRICT,
                key -> {
                  byte[] other = key.clone();
                  other[31] ^= 1;
                  return other;
                }))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("the error of a known product is 1.");
  }

  @ParameterizedTest
  @ValueSource(strings = {"bfloat16", "tf32", "float32 ", "none"})
  void a_worker_that_says_it_is_not_strict_is_refused_before_anything_is_asked(String precision)
      throws Exception {
    FakeWorker.Script script =
        (link, _) -> {
          Message hello = link.receive(soon());
          link.send(
              new Message.Welcome(hello.sequence(), Message.PROTOCOL_VERSION, "fake", precision, 1),
              soon());
          assertThat(link.receive(soon())).isInstanceOf(Message.Bye.class);
        };
    try (FakeWorker fake = FakeWorker.start(folder, script);
        RemoteWorker worker = RemoteWorker.connect(fake.address(), null, LIMIT);
        ReleaseDoor door = new ReleaseDoor(worker, new SeededSecureRandom(83), 1)) {
      assertThatThrownBy(() -> PrecisionCheck.require(worker, door, "worker 2 of 2"))
          .isInstanceOf(ProtocolException.class)
          .hasMessage(
              "worker 2 of 2 computes in %s, and masks need strict float32: start it with"
                  + " precision fp32",
              precision);
    }
  }
}
