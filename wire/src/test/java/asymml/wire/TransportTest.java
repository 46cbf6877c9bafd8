package asymml.wire;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.wire.ProtocolException.Reason;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TransportTest {
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final ExecutorService THREADS = Executors.newVirtualThreadPerTaskExecutor();

  @TempDir static Path folder;
  private static TlsFixture tls;
  private static int sockets;

  /// Two ends of one connection.
  record Ends(Transport near, Transport far) implements AutoCloseable {
    @Override
    public void close() {
      near.close();
      far.close();
    }
  }

  interface Connector {
    Ends connect() throws Exception;
  }

  @BeforeAll
  static void make_a_certificate() throws Exception {
    tls = TlsFixture.create(folder);
  }

  @AfterAll
  static void stop() {
    THREADS.shutdownNow();
  }

  static Stream<Connector> both() {
    return Stream.of(TransportTest::unix, TransportTest::tls);
  }

  static Ends unix() throws Exception {
    Path path = folder.resolve("s" + sockets++);
    CompletableFuture<Void> ready = new CompletableFuture<>();
    CompletableFuture<Transport> far = new CompletableFuture<>();
    THREADS.execute(() -> {
      try {
        far.complete(UnixTransport.accept(path, Deadline.in(LIMIT), () -> ready.complete(null)));
      } catch (ProtocolException e) {
        far.completeExceptionally(e);
      }
    });
    ready.get();
    assertThat(Files.getPosixFilePermissions(path)).hasSize(2);
    Transport near = UnixTransport.connect(path);
    Ends ends = new Ends(near, far.get());
    assertThat(path).doesNotExist();
    return ends;
  }

  static Ends tls() throws Exception {
    CompletableFuture<Integer> port = new CompletableFuture<>();
    CompletableFuture<Transport> far = new CompletableFuture<>();
    THREADS.execute(() -> {
      try {
        far.complete(
            TlsTransport.accept(
                new WorkerAddress.Tls("127.0.0.1", 0),
                tls.identity(),
                Deadline.in(LIMIT),
                port::complete,
                _ -> {}));
      } catch (ProtocolException e) {
        far.completeExceptionally(e);
      }
    });
    Transport near =
        TlsTransport.connect(
            new WorkerAddress.Tls("127.0.0.1", port.get()), tls.trust(), Deadline.in(LIMIT));
    return new Ends(near, far.get());
  }

  private static void fails(Reason reason, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            ProtocolException.class, e -> assertThat(e.reason()).isEqualTo(reason));
  }

  @ParameterizedTest
  @MethodSource("both")
  void messages_and_tensor_bytes_arrive_as_they_were_sent(Connector connector) throws Exception {
    long seed = 11;
    try (Ends ends = connector.connect();
        Link near = new Link(ends.near());
        Link far = new Link(ends.far());
        Arena arena = Arena.ofShared()) {
      byte[] bytes = new byte[3_000_004];
      new Random(seed).nextBytes(bytes);
      MemorySegment sent = arena.allocate(bytes.length).copyFrom(MemorySegment.ofArray(bytes));
      MemorySegment got = arena.allocate(bytes.length);
      CompletableFuture<Void> sending =
          CompletableFuture.runAsync(
              () -> {
                RandomMessages messages = new RandomMessages(seed);
                try {
                  for (int i = 0; i < 300; i++) {
                    near.send(messages.next(), Deadline.in(LIMIT));
                  }
                  near.sendTensor(sent, Deadline.in(LIMIT));
                  near.send(new Message.Bye(9), Deadline.in(LIMIT));
                } catch (ProtocolException e) {
                  throw new AssertionError("seed " + seed, e);
                }
              },
              THREADS);
      RandomMessages expected = new RandomMessages(seed);
      for (int i = 0; i < 300; i++) {
        assertThat(far.receive(Deadline.in(LIMIT))).as("seed " + seed).isEqualTo(expected.next());
      }
      far.receiveTensor(got, Deadline.in(LIMIT));
      assertThat(got.mismatch(sent)).isEqualTo(-1);
      assertThat(far.receive(Deadline.in(LIMIT))).isEqualTo(new Message.Bye(9));
      sending.get();
    }
  }

  @ParameterizedTest
  @MethodSource("both")
  void rounded_tensors_arrive_as_the_nearest_bfloat16(Connector connector) throws Exception {
    int count = 700_001;
    Random random = new Random(12);
    try (Ends ends = connector.connect();
        Link near = new Link(ends.near());
        Link far = new Link(ends.far());
        Arena arena = Arena.ofShared()) {
      MemorySegment sent = arena.allocate(4L * count);
      MemorySegment got = arena.allocate(4L * count);
      for (int i = 0; i < count; i++) {
        sent.setAtIndex(JAVA_INT, i, random.nextInt());
      }
      near.encode(Encoding.BFLOAT16);
      far.encode(Encoding.BFLOAT16);
      CompletableFuture<Void> sending =
          CompletableFuture.runAsync(
              () -> {
                try {
                  near.sendTensor(sent, Deadline.in(LIMIT));
                  near.send(new Message.Bye(9), Deadline.in(LIMIT));
                } catch (ProtocolException e) {
                  throw new AssertionError(e);
                }
              },
              THREADS);
      far.receiveTensor(got, Deadline.in(LIMIT));
      assertThat(far.receive(Deadline.in(LIMIT))).isEqualTo(new Message.Bye(9));
      sending.get();
      for (int i = 0; i < count; i++) {
        assertRounded(got.getAtIndex(JAVA_FLOAT, i), sent.getAtIndex(JAVA_FLOAT, i));
      }
    }
  }

  /// The nearest value whose lower half is 0: by way of a decimal sum, not of the bits' carry.
  private static void assertRounded(float actual, float exact) {
    assertThat(Float.floatToRawIntBits(actual) & 0xFFFF).isZero();
    if (Float.isNaN(exact)) {
      assertThat(actual).isNaN();
      return;
    }
    double below = Float.intBitsToFloat(Float.floatToRawIntBits(exact) & 0xFFFF_0000);
    double above =
        Math.scalb(Math.signum(exact), Math.max(Math.getExponent(exact), -126) - 7) + below;
    double nearest = Math.abs(exact - below) < Math.abs(above - exact) ? below : above;
    if (Math.abs(exact - below) != Math.abs(above - exact)) {
      assertThat(actual).as("" + exact).isEqualTo((float) nearest);
    }
  }

  @ParameterizedTest
  @MethodSource("both")
  void a_peer_that_leaves_ends_a_wait_before_its_deadline(Connector connector) throws Exception {
    try (Ends ends = connector.connect()) {
      Link near = new Link(ends.near());
      THREADS.execute(ends.far()::close);
      fails(Reason.CLOSED, () -> near.receive(Deadline.in(LIMIT)));
    }
  }

  @ParameterizedTest
  @MethodSource("both")
  void a_silent_peer_runs_into_the_deadline(Connector connector) throws Exception {
    try (Ends ends = connector.connect()) {
      Link near = new Link(ends.near());
      fails(Reason.TIMED_OUT, () -> near.receive(Deadline.in(Duration.ofMillis(80))));
    }
  }

  @ParameterizedTest
  @MethodSource("both")
  void a_peer_that_does_not_read_runs_into_the_deadline(Connector connector) throws Exception {
    try (Ends ends = connector.connect()) {
      ByteBuffer much = ByteBuffer.allocateDirect(64 << 20);
      fails(Reason.TIMED_OUT, () -> ends.near().write(much, Deadline.in(Duration.ofMillis(80))));
    }
  }

  @ParameterizedTest
  @MethodSource("both")
  void a_tensor_that_trickles_in_runs_into_the_deadline(Connector connector) throws Exception {
    try (Ends ends = connector.connect();
        Arena arena = Arena.ofShared()) {
      Link near = new Link(ends.near());
      // So long that single bytes take minutes, on the fastest machine.
      MemorySegment tensor = arena.allocate(256 << 20);
      THREADS.execute(() -> {
        try {
          while (true) {
            ends.far().write(ByteBuffer.allocate(1), Deadline.in(LIMIT));
          }
        } catch (ProtocolException e) {
          // The receiver has left, as it should.
        }
      });
      fails(
          Reason.TIMED_OUT, () -> near.receiveTensor(tensor, Deadline.in(Duration.ofMillis(150))));
    }
  }

  @ParameterizedTest
  @MethodSource("both")
  void half_a_message_and_silence_runs_into_the_deadline(Connector connector) throws Exception {
    try (Ends ends = connector.connect()) {
      Link near = new Link(ends.near());
      ByteBuffer frame = CodecTest.encode(new Message.Done(0, 1));
      for (int i = 0; i < frame.limit() - 1; i++) {
        ends.far().write(frame.slice(i, 1), Deadline.in(LIMIT));
      }
      fails(Reason.TIMED_OUT, () -> near.receive(Deadline.in(Duration.ofMillis(80))));
    }
  }

  @ParameterizedTest
  @MethodSource("both")
  void half_a_message_and_the_end_is_an_end(Connector connector) throws Exception {
    try (Ends ends = connector.connect()) {
      Link near = new Link(ends.near());
      ByteBuffer frame = CodecTest.encode(new Message.Done(0, 1));
      ends.far().write(frame.slice(0, frame.limit() - 1), Deadline.in(LIMIT));
      ends.far().close();
      fails(Reason.CLOSED, () -> near.receive(Deadline.in(LIMIT)));
    }
  }

  @ParameterizedTest
  @MethodSource("both")
  void use_after_close_is_an_end_and_close_is_idempotent(Connector connector) throws Exception {
    try (Ends ends = connector.connect()) {
      Link near = new Link(ends.near());
      near.close();
      near.close();
      fails(Reason.CLOSED, () -> near.receive(Deadline.in(LIMIT)));
      fails(Reason.CLOSED, () -> near.send(new Message.Bye(0), Deadline.in(LIMIT)));
    }
  }

  @Test
  void a_certificate_that_is_not_trusted_is_refused_and_the_listener_waits_on() throws Exception {
    CompletableFuture<Integer> port = new CompletableFuture<>();
    CompletableFuture<String> refusal = new CompletableFuture<>();
    CompletableFuture<Transport> far = new CompletableFuture<>();
    THREADS.execute(() -> {
      try {
        far.complete(
            TlsTransport.accept(
                new WorkerAddress.Tls("127.0.0.1", 0),
                tls.identity(),
                Deadline.in(LIMIT),
                port::complete,
                refusal::complete));
      } catch (ProtocolException e) {
        far.completeExceptionally(e);
      }
    });
    WorkerAddress.Tls address = new WorkerAddress.Tls("127.0.0.1", port.get());
    assertThatThrownBy(
            () -> TlsTransport.connect(address, SSLContext.getDefault(), Deadline.in(LIMIT)))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("no connection to the worker at tls:127.0.0.1:");
    assertThat(refusal.get()).contains("refused");
    Transport near = TlsTransport.connect(address, tls.trust(), Deadline.in(LIMIT));
    new Ends(near, far.get()).close();
  }

  private record Listener(
      WorkerAddress.Tls address, CompletableFuture<Transport> peer, BlockingQueue<String> refused) {
    static Listener start(SSLContext context, TlsTransport.Clients clients) throws Exception {
      CompletableFuture<Integer> port = new CompletableFuture<>();
      CompletableFuture<Transport> peer = new CompletableFuture<>();
      BlockingQueue<String> refused = new LinkedBlockingQueue<>();
      THREADS.execute(() -> {
        try {
          peer.complete(
              TlsTransport.accept(
                  new WorkerAddress.Tls("127.0.0.1", 0),
                  context,
                  clients,
                  Deadline.in(LIMIT),
                  port::complete,
                  refused::add));
        } catch (ProtocolException e) {
          peer.completeExceptionally(e);
        }
      });
      return new Listener(new WorkerAddress.Tls("127.0.0.1", port.get()), peer, refused);
    }

    Socket silent() throws IOException {
      return new Socket(address.host(), address.port());
    }
  }

  @Test
  void silent_connections_hold_up_nobody() throws Exception {
    Listener listener = Listener.start(tls.identity(), TlsTransport.Clients.ANY);
    List<Socket> silent = new ArrayList<>();
    try {
      // More than are kept: the oldest have to go.
      for (int i = 0; i < TlsCandidates.MOST + 6; i++) {
        silent.add(listener.silent());
      }
      Transport near = TlsTransport.connect(listener.address(), tls.trust(), Deadline.in(LIMIT));
      try (Ends ends = new Ends(near, listener.peer().get())) {
        new Link(ends.near()).send(new Message.Bye(7), Deadline.in(LIMIT));
        assertThat(new Link(ends.far()).receive(Deadline.in(LIMIT))).isEqualTo(new Message.Bye(7));
      }
      assertThat(listener.refused()).hasSizeLessThanOrEqualTo(20);
    } finally {
      for (Socket socket : silent) {
        socket.close();
      }
    }
  }

  @Test
  void only_a_client_that_proves_its_key_can_connect_where_clients_are_pinned() throws Exception {
    Listener listener = Listener.start(tls.both(), TlsTransport.Clients.TRUSTED);
    // In TLS 1.3 this side's handshake is over before the other has seen that nothing came.
    try (Transport without =
        TlsTransport.connect(listener.address(), tls.trust(), Deadline.in(LIMIT))) {
      assertThatThrownBy(() -> new Link(without).receive(Deadline.in(LIMIT)))
          .isInstanceOf(ProtocolException.class);
    }
    assertThat(listener.refused().poll(5, TimeUnit.MINUTES)).contains("a peer was refused");
    assertThat(listener.peer()).isNotDone();
    Transport near = TlsTransport.connect(listener.address(), tls.both(), Deadline.in(LIMIT));
    try (Ends ends = new Ends(near, listener.peer().get())) {
      assertThat(ends.far().peerKey()).isPresent();
    }
  }

  @Test
  void nobody_listening_and_a_long_path_give_one_line() {
    assertThatThrownBy(() -> UnixTransport.connect(folder.resolve("nobody")))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("no worker listens on unix:");
    assertThatThrownBy(() -> UnixTransport.connect(folder.resolve("x".repeat(120))))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("107 bytes");
  }

  @Test
  void a_listener_gives_up_when_nobody_comes_and_leaves_no_file() throws IOException {
    Path path = folder.resolve("lonely");
    fails(
        Reason.TIMED_OUT,
        () -> UnixTransport.accept(path, Deadline.in(Duration.ofMillis(50)), () -> {}));
    assertThat(path).doesNotExist();
    Files.createFile(path);
    assertThatThrownBy(() -> UnixTransport.accept(path, Deadline.in(LIMIT), () -> {}))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("the file must not");
    assertThat(path).exists();
  }

  @Test
  void replies_come_in_the_order_of_their_requests() throws Exception {
    try (Ends ends = unix();
        Link near = new Link(ends.near());
        Link far = new Link(ends.far())) {
      int rounds = 2_000;
      CompletableFuture<Void> echo =
          CompletableFuture.runAsync(
              () -> {
                try {
                  for (int i = 0; i < rounds; i++) {
                    Message m = far.receive(Deadline.in(LIMIT));
                    far.send(new Message.Done(m.sequence(), 1), Deadline.in(LIMIT));
                  }
                } catch (ProtocolException e) {
                  throw new AssertionError(e);
                }
              },
              THREADS);
      for (int i = 0; i < rounds; i++) {
        near.send(new Message.Forward(i, 1, new Slot(0, 1), new Slot(64, 1)), Deadline.in(LIMIT));
        assertThat(near.receive(Deadline.in(LIMIT))).isEqualTo(new Message.Done(i, 1));
      }
      echo.get();
    }
  }
}
