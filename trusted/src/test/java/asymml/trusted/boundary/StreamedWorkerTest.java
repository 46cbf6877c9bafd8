package asymml.trusted.boundary;

import static asymml.trusted.boundary.FakeWorker.done;
import static asymml.trusted.boundary.FakeWorker.soon;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.wire.Encoding;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Tensors that go through the stream, because the two sides share no memory: what the trusted side
/// sends, and what a hostile worker can send back.
class StreamedWorkerTest {
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final ConvShape LINEAR = ConvShape.linear(2, 3, 4);
  private static final Slot X = new Slot(0, 6);
  private static final Slot Y = new Slot(64, 8);

  @TempDir static Path folder;
  private static SSLContext identity;
  private static TlsTrust trust;

  @BeforeAll
  static void make_a_certificate() throws Exception {
    Certificates certificates = new Certificates(folder);
    certificates.add("worker");
    identity = certificates.identity("worker");
    trust =
        TlsTrust.ofCertificates(
            Files.writeString(folder.resolve("worker.pem"), certificates.pem("worker")));
  }

  private static FakeWorker fake(FakeWorker.Script script) throws Exception {
    return FakeWorker.remote(identity, FakeWorker.politely(script));
  }

  /// Ready for one forward request.
  private static RemoteWorker ready(FakeWorker fake) throws Exception {
    RemoteWorker worker = RemoteWorker.connect(fake.address(), trust, LIMIT);
    worker.mapRegion(4096);
    worker.define(3, LINEAR);
    return worker;
  }

  /// Receives a tensor after its message.
  private static float[] tensor(Link link, Message.Payload payload) throws ProtocolException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(payload.slot().floats() * Float.BYTES);
      link.receiveTensor(values, soon());
      return values.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  private static void sendTensor(Link link, float... values) throws ProtocolException {
    try (Arena arena = Arena.ofConfined()) {
      link.sendTensor(arena.allocateFrom(ValueLayout.JAVA_FLOAT, values), soon());
    }
  }

  @ParameterizedTest
  @EnumSource
  void a_release_goes_before_its_request_and_a_result_comes_before_its_answer(Encoding encoding)
      throws Exception {
    float[] x = {1, -2, 0.5f, 1.0001f, 3e38f, -0f};
    float[] y = {1, 2, 3, 4, 5, 6, 7, 1.0001f};
    FakeWorker.Script script =
        (link, _) -> {
          Message.MapRegion map = (Message.MapRegion) done(link);
          assertThat(map.encoding()).isEqualTo(encoding);
          link.encode(encoding);
          done(link);
          Message.Payload release = (Message.Payload) link.receive(soon());
          assertThat(release.slot()).isEqualTo(X);
          float[] received = tensor(link, release);
          assertThat(received[0]).isEqualTo(1);
          assertThat(received[3]).isEqualTo(encoding == Encoding.FLOAT32 ? 1.0001f : 1);
          Message.Forward request = (Message.Forward) link.receive(soon());
          assertThat(release.sequence()).isEqualTo(request.sequence());
          link.send(new Message.Payload(request.sequence(), Y), soon());
          sendTensor(link, y);
          link.send(new Message.Done(request.sequence(), 7), soon());
          assertThat(link.receive(soon())).isInstanceOf(Message.Bye.class);
        };
    try (FakeWorker fake = fake(script);
        RemoteWorker worker = RemoteWorker.connect(fake.address(), trust, LIMIT)) {
      worker.encode(encoding);
      worker.mapRegion(4096);
      worker.define(3, LINEAR);
      Tensor.of(worker.writable(X), 6).copyFrom(x);
      worker.publish(X);
      worker.await(worker.forward(3, new Released(X), Y));
      float[] result = worker.result(Y, 8).toArray();
      assertThat(result[6]).isEqualTo(7);
      assertThat(result[7]).isEqualTo(encoding == Encoding.FLOAT32 ? 1.0001f : 1);
      assertThat(worker.bytesToWorker()).isEqualTo(encoding.bytes(6));
      assertThat(worker.bytesFromWorker()).isEqualTo(encoding.bytes(8));
      assertThat(worker.workerCpuNanos()).isEqualTo(7);
    }
  }

  @Test
  void what_is_written_stays_here_until_it_is_published() throws Exception {
    FakeWorker.Script script =
        (link, _) -> {
          done(link);
          done(link);
          // Written, not published: the request comes without a tensor before it.
          assertThat(link.receive(soon())).isInstanceOf(Message.Forward.class);
        };
    try (FakeWorker fake = fake(script);
        RemoteWorker worker = ready(fake)) {
      Tensor.of(worker.writable(X), 6).fill(42);
      Ticket ticket = worker.forward(3, new Released(X), Y);
      assertThatThrownBy(() -> worker.await(ticket)).isInstanceOf(ProtocolException.class);
      assertThat(worker.bytesToWorker()).isZero();
    }
  }

  @Test
  void shared_memory_is_not_encoded() throws Exception {
    try (FakeWorker fake =
            FakeWorker.polite(folder, (link, _) -> assertThat(link.receive(soon())).isNotNull());
        RemoteWorker worker = RemoteWorker.connect(fake.address(), null, LIMIT)) {
      worker.encode(Encoding.FLOAT32);
      assertThatThrownBy(() -> worker.encode(Encoding.BFLOAT16))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("shared memory is not encoded: BFLOAT16");
    }
  }

  static Stream<Arguments> hostile() {
    String outOfTurn = "worker 2 of 3 answered out of turn, during forward of op 3";
    return Stream.of(
        hostile("is done without a result", outOfTurn, (link, n) -> finish(link, n)),
        hostile(
            "sends another slot than was asked for",
            outOfTurn,
            (link, n) -> link.send(new Message.Payload(n, X), soon())),
        hostile(
            "sends a longer tensor than was asked for",
            outOfTurn,
            (link, n) -> link.send(new Message.Payload(n, new Slot(64, 9)), soon())),
        hostile(
            "sends the result of another request",
            outOfTurn,
            (link, n) -> link.send(new Message.Payload(n + 1, Y), soon())),
        hostile(
            "sends a request in a result's place",
            outOfTurn,
            (link, n) -> link.send(new Message.Forward(n, 3, X, Y), soon())),
        hostile(
            "sends a result twice",
            outOfTurn,
            (link, n) -> {
              result(link, n);
              result(link, n);
            }),
        hostile(
            "answers another request after its result",
            outOfTurn,
            (link, n) -> {
              result(link, n);
              finish(link, n - 1);
            }),
        hostile(
            "sends half a tensor and leaves",
            "worker 2 of 3 went away, during forward of op 3",
            (link, n) -> {
              link.send(new Message.Payload(n, Y), soon());
              sendTensor(link, 1, 2, 3);
              link.close();
            }),
        hostile(
            "speaks rubbish behind its result",
            "the peer does not speak this protocol",
            (link, n) -> {
              result(link, n);
              sendTensor(link, 1, 2, 3, 4, 5, 6);
            }),
        hostile(
            "refuses",
            "worker 2 of 3 refused forward of op 3: out of memory",
            (link, n) -> link.send(new Message.Failed(n, "out of memory"), soon())),
        hostile(
            "refuses in the place of the answer",
            "worker 2 of 3 refused forward of op 3: on second thoughts",
            (link, n) -> {
              result(link, n);
              link.send(new Message.Failed(n, "on second thoughts"), soon());
            }));
  }

  /// What a worker sends in answer to a request of some number.
  interface Answer {
    void to(Link link, long sequence) throws Exception;
  }

  private static Arguments hostile(String what, String line, Answer answer) {
    return Arguments.of(what, line, answer);
  }

  private static void result(Link link, long sequence) throws ProtocolException {
    link.send(new Message.Payload(sequence, Y), soon());
    sendTensor(link, 1, 2, 3, 4, 5, 6, 7, 8);
  }

  private static void finish(Link link, long sequence) throws ProtocolException {
    link.send(new Message.Done(sequence, 7), soon());
  }

  @ParameterizedTest(name = "a worker that {0}")
  @MethodSource("hostile")
  void a_worker_that_breaks_the_order_is_named_and_left(String what, String line, Answer answer)
      throws Exception {
    FakeWorker.Script script =
        (link, _) -> {
          done(link);
          done(link);
          answer.to(link, link.receive(soon()).sequence());
          link.receive(soon()); // until this side leaves
        };
    try (FakeWorker fake = fake(script);
        RemoteWorker worker = ready(fake)) {
      worker.name("worker 2 of 3");
      Ticket ticket = worker.forward(3, new Released(X), Y);
      ProtocolException first =
          catchThrowableOfType(ProtocolException.class, () -> worker.await(ticket));
      assertThat(first.getMessage()).startsWith(line).doesNotContain("\n");
      assertThat(worker.bytesFromWorker()).as("no result counts").isZero();
      assertThatThrownBy(() -> worker.publish(X)).isSameAs(first);
      assertThatThrownBy(() -> worker.forward(3, new Released(X), Y)).isSameAs(first);
    }
  }

  /// Its values go to the slot that was asked for and nowhere else.
  @Test
  void a_result_touches_nothing_beside_its_slot() throws Exception {
    FakeWorker.Script script =
        (link, _) -> {
          done(link);
          done(link);
          long sequence = link.receive(soon()).sequence();
          result(link, sequence);
          finish(link, sequence);
          link.receive(soon());
        };
    try (FakeWorker fake = fake(script);
        RemoteWorker worker = ready(fake)) {
      Tensor all = worker.result(new Slot(0, 1024), 1024);
      all.fill(-1);
      worker.await(worker.forward(3, new Released(X), Y));
      for (int i = 0; i < 1024; i++) {
        assertThat(all.get(i)).isEqualTo(i >= 16 && i < 24 ? i - 15 : -1);
      }
    }
  }

  @Test
  void an_unasked_tensor_during_another_request_is_out_of_turn() throws Exception {
    FakeWorker.Script script =
        (link, _) -> {
          done(link);
          long sequence = link.receive(soon()).sequence();
          link.send(new Message.Payload(sequence, Y), soon());
          link.receive(soon());
        };
    try (FakeWorker fake = fake(script);
        RemoteWorker worker = RemoteWorker.connect(fake.address(), trust, LIMIT)) {
      worker.mapRegion(4096);
      assertThatThrownBy(() -> worker.define(3, LINEAR))
          .isInstanceOf(ProtocolException.class)
          .hasMessage("the worker answered out of turn, during the definition of op 3");
    }
  }
}
