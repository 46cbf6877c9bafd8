package asymml.trusted.boundary;

import static asymml.trusted.boundary.FakeWorker.done;
import static asymml.trusted.boundary.FakeWorker.soon;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.Region;
import asymml.wire.Slot;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RemoteWorkerTest {
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final ConvShape LINEAR = ConvShape.linear(2, 4, 4);

  @TempDir Path folder;

  /// Answers every request, and forward with `y = 2x`.
  private static void doubling(Link link, List<Message> seen) throws IOException {
    Region region = null;
    try {
      while (true) {
        Message m = link.receive(soon());
        seen.add(m);
        if (m instanceof Message.Bye) {
          return;
        }
        if (m instanceof Message.MapRegion map) {
          region = link.shared(map.sizeBytes());
        }
        if (m instanceof Message.Forward f && region != null) {
          MemorySegment x = region.at(f.x());
          MemorySegment y = region.at(f.y());
          for (int i = 0; i < f.x().floats(); i++) {
            y.setAtIndex(ValueLayout.JAVA_FLOAT, i, 2 * x.getAtIndex(ValueLayout.JAVA_FLOAT, i));
          }
        }
        link.send(new Message.Done(m.sequence(), seen.size()), soon());
      }
    } finally {
      if (region != null) {
        region.close();
      }
    }
  }

  @Test
  void a_released_tensor_goes_out_and_its_result_comes_back() throws Exception {
    List<Message> seen = new ArrayList<>();
    RegionLayout layout = new RegionLayout();
    Slot x = layout.reserve(2, 4);
    Slot y = layout.reserve(2, 4);
    try (FakeWorker fake = FakeWorker.polite(folder, (link, _) -> doubling(link, seen));
        RemoteWorker worker = RemoteWorker.connect(fake.address(), null, LIMIT)) {
      assertThat(worker.backend()).isEqualTo("fake");
      assertThat(worker.precision()).isEqualTo("float32");
      worker.mapRegion(layout.sizeBytes());
      worker.define(1, LINEAR);
      Tensor.of(worker.writable(x), 2, 4).fill(1.5f);
      worker.publish(x);
      worker.await(worker.forward(1, new Released(x), y));
      assertThat(worker.result(y, 2, 1, 1, 4).toArray()).containsOnly(3f);
      assertThat(worker.bytesToWorker()).isEqualTo(32);
      assertThat(worker.bytesFromWorker()).isEqualTo(32);
      assertThat(worker.workerCpuNanos()).isEqualTo(3);
    }
    assertThat(seen.getLast()).isInstanceOf(Message.Bye.class);
    assertThat(seen).hasSize(4);
    assertThat(seen).extracting(Message::sequence).isSorted().doesNotHaveDuplicates();
  }

  @Test
  void any_number_of_requests_may_be_sent_before_the_first_await() throws Exception {
    List<Message> seen = new ArrayList<>();
    try (FakeWorker fake = FakeWorker.polite(folder, (link, _) -> doubling(link, seen));
        RemoteWorker worker = RemoteWorker.connect(fake.address(), null, LIMIT)) {
      worker.mapRegion(4096);
      worker.define(1, LINEAR);
      Ticket last = new Ticket(0);
      for (int i = 0; i < 20 * Conversation.MAX_IN_FLIGHT; i++) {
        last = worker.forward(1, new Released(new Slot(0, 8)), new Slot(64, 8));
      }
      worker.await(last);
      worker.await(new Ticket(3)); // long done
      assertThat(worker.bytesFromWorker()).isEqualTo(20L * Conversation.MAX_IN_FLIGHT * 32);
    }
  }

  @Test
  void a_larger_region_takes_the_place_of_the_first_and_its_views_are_dead() throws Exception {
    List<Message> seen = new ArrayList<>();
    try (FakeWorker fake = FakeWorker.polite(folder, (link, _) -> doubling(link, seen));
        RemoteWorker worker = RemoteWorker.connect(fake.address(), null, LIMIT)) {
      worker.mapRegion(4096);
      Tensor old = worker.result(new Slot(0, 8), 8);
      worker.mapRegion(1 << 20);
      assertThatThrownBy(() -> old.get(0)).isInstanceOf(IllegalStateException.class);
      assertThat(worker.result(new Slot((1 << 20) - 64, 16), 16).get(15)).isZero();
    }
  }

  @Test
  void the_caller_s_mistakes_are_found_before_anything_is_sent() throws Exception {
    List<Message> seen = new ArrayList<>();
    Released x = new Released(new Slot(0, 8));
    Slot y = new Slot(64, 8);
    try (FakeWorker fake = FakeWorker.polite(folder, (link, _) -> doubling(link, seen));
        RemoteWorker worker = RemoteWorker.connect(fake.address(), null, LIMIT)) {
      assertThatThrownBy(() -> worker.result(y, 8)).isInstanceOf(IllegalStateException.class);
      worker.mapRegion(4096);
      worker.define(1, LINEAR);
      List<ThrowingCallable> mistakes =
          List.of(
              () -> worker.forward(2, x, y),
              () -> worker.forward(1, new Released(new Slot(0, 7)), y),
              () -> worker.forward(1, x, new Slot(4096, 8)),
              () -> worker.loadWeights(1, x),
              () -> worker.backwardData(1, x, new Slot(64, 9)),
              () -> worker.backwardWeights(1, x, x, y),
              () -> worker.define(1, LINEAR),
              () -> worker.define(-1, LINEAR),
              () -> worker.define(Message.MAX_OP_ID + 1, LINEAR),
              () -> worker.await(new Ticket(Long.MAX_VALUE)),
              () -> worker.result(y, 7),
              () -> worker.result(new Slot(4096, 8), 8),
              () -> worker.requestLimit(Duration.ZERO));
      for (var mistake : mistakes) {
        assertThatThrownBy(mistake).isInstanceOf(IllegalArgumentException.class);
      }
      Ticket ticket = worker.forward(1, x, y);
      assertThatThrownBy(() -> worker.mapRegion(8192)).isInstanceOf(IllegalStateException.class);
      worker.await(ticket);
    }
    assertThat(seen).hasSize(4);
  }

  @Test
  void use_after_close_throws_and_close_is_idempotent() throws Exception {
    try (FakeWorker fake = FakeWorker.polite(folder, (link, _) -> done(link))) {
      RemoteWorker worker = RemoteWorker.connect(fake.address(), null, LIMIT);
      worker.mapRegion(4096);
      worker.close();
      worker.close();
      assertThatThrownBy(() -> worker.define(1, LINEAR)).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> worker.mapRegion(4096)).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void a_missing_worker_and_a_missing_certificate_are_told() {
    assertThatThrownBy(() ->
            RemoteWorker.connect(new WorkerAddress.Unix(folder.resolve("nobody")), null, LIMIT))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("no worker listens on unix:");
    assertThatThrownBy(
            () -> RemoteWorker.connect(new WorkerAddress.Tls("localhost", 1), null, LIMIT))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void only_this_package_can_release() {
    assertThat(Released.class.getDeclaredConstructors())
        .isNotEmpty()
        .allMatch(
            c -> !Modifier.isPublic(c.getModifiers()) && !Modifier.isProtected(c.getModifiers()));
    assertThat(Stream.of(RemoteWorker.class.getDeclaredMethods()))
        .filteredOn(m -> m.getName().equals("writable") || m.getName().equals("publish"))
        .hasSize(2)
        .allMatch(m -> !Modifier.isPublic(m.getModifiers()));
    // No public method takes a tensor or memory in: bytes go out by Released alone.
    assertThat(Stream.of(RemoteWorker.class.getDeclaredMethods()))
        .filteredOn(m -> Modifier.isPublic(m.getModifiers()))
        .allMatch(m ->
            Stream.of(m.getParameterTypes())
                    .noneMatch(t -> t == Tensor.class || t == MemorySegment.class || t.isArray())
                || m.getName().equals("result"));
  }
}
