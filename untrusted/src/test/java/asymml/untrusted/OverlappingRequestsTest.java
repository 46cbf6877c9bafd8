package asymml.untrusted;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.MemoryBudget;
import asymml.wire.Deadline;
import asymml.wire.Encoding;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.OpDescriptor;
import asymml.wire.ProtocolException;
import asymml.wire.Region;
import asymml.wire.Slot;
import asymml.wire.UnixTransport;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A session with a backend whose calls go on after they return, as a GPU's do.
class OverlappingRequestsTest {
  private static final OpDescriptor OP = new OpDescriptor(2, 1, 1, 3, 4, 1, 1, 1, 0);
  private static final Slot X = new Slot(0, 6);
  private static final Slot W = new Slot(64, 12);
  private static final Slot Y = new Slot(128, 8);
  private static final Slot DX = new Slot(192, 6);
  private static final Slot DW = new Slot(256, 12);

  private static final long BUDGET_BYTES = 1 << 20;

  @TempDir Path folder;
  private final CompletableFuture<Void> end = new CompletableFuture<>();
  private final LateBackend backend = new LateBackend();
  private Thread session;
  private Link link;
  private Region region;
  private long sequence;
  private final MemoryBudget budget = new MemoryBudget(BUDGET_BYTES);

  /// Computes when the end of a call is awaited, and a permit has been given.
  private static final class LateBackend extends DelegatingBackend {
    private final Semaphore permits = new Semaphore(0);
    private final Semaphore begun = new Semaphore(0);
    private final List<String> events = Collections.synchronizedList(new ArrayList<>());
    private final AtomicInteger attached = new AtomicInteger();
    private volatile boolean fails;

    LateBackend() {
      super(new NaiveBackend());
    }

    private Completion later(String what, Runnable work) {
      events.add("begin " + what);
      begun.release();
      return () -> {
        permits.acquireUninterruptibly();
        if (fails) {
          throw new DeviceException("cudaEventSynchronize failed with status 700 (burnt)");
        }
        work.run();
        events.add("end " + what);
      };
    }

    @Override
    public void attach(MemorySegment memory) {
      attached.incrementAndGet();
    }

    @Override
    public void detach(MemorySegment memory) {
      // Throws if the region is closed before.
      memory.get(ValueLayout.JAVA_FLOAT, 0);
      events.add("detach");
      attached.decrementAndGet();
    }

    @Override
    public Completion forward(int opId, MemorySegment x, MemorySegment y) {
      return later("forward", () -> super.forward(opId, x, y));
    }

    @Override
    public Completion backwardData(int opId, MemorySegment dy, MemorySegment dx) {
      return later("data", () -> super.backwardData(opId, dy, dx));
    }

    @Override
    public Completion backwardWeights(
        int opId, MemorySegment x, MemorySegment dy, MemorySegment dw) {
      return later("weights", () -> super.backwardWeights(opId, x, dy, dw));
    }
  }

  private static Deadline soon() {
    return Deadline.in(Duration.ofMinutes(5));
  }

  @BeforeEach
  void start_a_session() throws Exception {
    Path socket = folder.resolve("s");
    CompletableFuture<Void> listening = new CompletableFuture<>();
    session = Thread.ofPlatform().daemon().start(() -> serve(socket, listening));
    listening.get(5, TimeUnit.MINUTES);
    link = new Link(UnixTransport.connect(socket));
    send(new Message.Hello(sequence++, Message.PROTOCOL_VERSION));
    receive();
    region = Region.create(4096);
    link.share(region);
    send(new Message.MapRegion(sequence++, 4096, Encoding.FLOAT32));
    receive();
    for (int i = 0; i < 12; i++) {
      region.at(W).setAtIndex(ValueLayout.JAVA_FLOAT, i, i);
    }
    region.at(X).setAtIndex(ValueLayout.JAVA_FLOAT, 0, 1);
    send(new Message.DefineOp(sequence++, 9, OP));
    receive();
    send(new Message.LoadWeights(sequence++, 9, W));
    receive();
  }

  private void serve(Path socket, CompletableFuture<Void> listening) {
    try (Link worker =
        new Link(UnixTransport.accept(socket, soon(), () -> listening.complete(null)))) {
      new Session(worker, backend, budget, () -> 77).run();
      end.complete(null);
    } catch (ProtocolException | InterruptedException e) {
      end.completeExceptionally(e);
    }
  }

  @AfterEach
  void leave() {
    backend.permits.release(1000);
    link.close();
    region.close();
  }

  private void send(Message.Request request) throws ProtocolException {
    link.send(request, soon());
  }

  private Message receive() throws ProtocolException {
    return link.receive(soon());
  }

  private void awaitBegun(int count) throws InterruptedException {
    assertThat(backend.begun.tryAcquire(count, 5, TimeUnit.MINUTES)).isTrue();
  }

  /// Until the session waits for a request under way; it reads requests in another state. Returns
  /// at once where it has begun another one or has ended instead, which the caller then notices.
  private void awaitSessionWaits() {
    while (session.getState() != Thread.State.WAITING
        && session.isAlive()
        && backend.begun.availablePermits() == 0) {
      Thread.onSpinWait();
    }
  }

  @Test
  void a_request_is_begun_before_the_one_before_it_has_ended_and_answers_keep_their_order()
      throws Exception {
    long first = sequence;
    send(new Message.BackwardData(sequence++, 9, Y, DX));
    send(new Message.BackwardWeights(sequence++, 9, X, Y, DW));
    // Refused at once, and yet answered last.
    send(new Message.Forward(sequence++, 8, X, Y));
    awaitBegun(2);
    backend.permits.release(2);
    assertThat(receive()).isEqualTo(new Message.Done(first, 77));
    assertThat(receive()).isEqualTo(new Message.Done(first + 1, 77));
    assertThat(receive()).isEqualTo(new Message.Failed(first + 2, "op 8 is not defined"));
  }

  @Test
  void what_reads_a_result_waits_for_it() throws Exception {
    send(new Message.Forward(sequence++, 9, X, Y));
    send(new Message.BackwardData(sequence++, 9, Y, DX));
    awaitBegun(1);
    awaitSessionWaits();
    assertThat(backend.events).containsExactly("begin forward");
    backend.permits.release(2);
    receive();
    receive();
    assertThat(backend.events)
        .containsExactly("begin forward", "end forward", "begin data", "end data");
    // Y = (0, 3, 6, 9), so that dX = 3 (3, 4, 5) + 6 (6, 7, 8) + 9 (9, 10, 11).
    assertThat(region.at(DX).toArray(ValueLayout.JAVA_FLOAT))
        .containsExactly(126, 144, 162, 0, 0, 0);
  }

  @Test
  void what_overwrites_an_operand_waits_for_its_reader() throws Exception {
    send(new Message.BackwardWeights(sequence++, 9, X, Y, DW));
    send(new Message.BackwardData(sequence++, 9, new Slot(512, 8), X));
    awaitBegun(1);
    awaitSessionWaits();
    assertThat(backend.events).containsExactly("begin weights");
    backend.permits.release(2);
    receive();
    receive();
    assertThat(backend.events)
        .containsExactly("begin weights", "end weights", "begin data", "end data");
  }

  @Test
  void no_more_than_the_bound_are_under_way() throws Exception {
    int sent = Replies.CAPACITY + 10;
    long first = sequence;
    for (int i = 0; i < sent; i++) {
      send(new Message.BackwardData(sequence++, 9, Y, new Slot(320 + 64L * i, 6)));
    }
    // One more has been begun and waits for its place in the queue.
    awaitBegun(Replies.CAPACITY + 1);
    awaitSessionWaits();
    assertThat(backend.begun.availablePermits()).isZero();
    backend.permits.release(sent);
    for (int i = 0; i < sent; i++) {
      assertThat(receive()).isEqualTo(new Message.Done(first + i, 77));
    }
  }

  @Test
  void a_device_that_fails_is_reported_and_the_session_goes_on() throws Exception {
    long first = sequence;
    backend.fails = true;
    send(new Message.Forward(sequence++, 9, X, Y));
    backend.permits.release(1);
    assertThat(receive())
        .isEqualTo(
            new Message.Failed(first, "cudaEventSynchronize failed with status 700 (burnt)"));
    backend.fails = false;
    send(new Message.Forward(sequence++, 9, X, Y));
    backend.permits.release(1);
    assertThat(receive()).isEqualTo(new Message.Done(first + 1, 77));
  }

  @Test
  void memory_stays_until_the_device_is_through_with_it_even_if_the_peer_has_left()
      throws Exception {
    send(new Message.Forward(sequence++, 9, X, Y));
    awaitBegun(1);
    link.close();
    awaitSessionWaits();
    assertThat(end).isNotDone();
    assertThat(backend.attached.get()).isEqualTo(1);
    backend.permits.release(1);
    assertThatThrownBy(() -> end.get(5, TimeUnit.MINUTES))
        .hasCauseInstanceOf(ProtocolException.class);
    assertThat(backend.attached.get()).isZero();
    assertThat(backend.events).containsExactly("begin forward", "end forward", "detach");
  }

  @Test
  void a_goodbye_waits_for_what_is_under_way() throws Exception {
    send(new Message.Forward(sequence++, 9, X, Y));
    send(new Message.Bye(sequence));
    awaitBegun(1);
    backend.permits.release(1);
    assertThat(receive()).isInstanceOf(Message.Done.class);
    end.get(5, TimeUnit.MINUTES);
    assertThat(backend.attached.get()).isZero();
  }
}
