package asymml.trusted.boundary;

import static asymml.trusted.boundary.FakeWorker.done;
import static asymml.trusted.boundary.FakeWorker.soon;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import asymml.kernels.ConvShape;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.ProtocolException.Reason;
import asymml.wire.Region;
import asymml.wire.Slot;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class HostileWorkerTest {
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final Duration SHORT = Duration.ofMillis(200);
  private static final ConvShape LINEAR = ConvShape.linear(2, 3, 4);
  private static final Slot X = new Slot(0, 6);
  private static final Slot Y = new Slot(64, 8);

  @TempDir Path folder;

  static Stream<Arguments> bad_greetings() {
    return Stream.of(
        greeting("leaves", "the worker went away, during the greeting", (_, _) -> {}),
        greeting(
            "is silent",
            "the worker did not answer within 0.2 s, during the greeting",
            (link, _) -> {
              link.receive(soon());
              link.receive(soon());
            }),
        greeting(
            "speaks rubbish",
            "the peer does not speak this protocol",
            (link, raw) -> {
              byte[] rubbish = new byte[4096];
              new Random(1).nextBytes(rubbish);
              raw.write(ByteBuffer.wrap(rubbish), soon());
              link.receive(soon());
              link.receive(soon());
            }),
        greeting(
            "speaks HTTP",
            "the peer does not speak this protocol",
            (link, raw) -> {
              raw.write(
                  ByteBuffer.wrap(
                      "HTTP/1.1 400 Bad Request\r\n\r\n".getBytes(StandardCharsets.US_ASCII)),
                  soon());
              link.receive(soon());
              link.receive(soon());
            }),
        greeting(
            "speaks another version",
            "the worker speaks protocol 99, this side "
                + Message.PROTOCOL_VERSION
                + ": run the same version on both sides",
            (link, _) ->
                link.send(
                    new Message.Welcome(link.receive(soon()).sequence(), 99, "b", "p", 1), soon())),
        greeting(
            "refuses",
            "the worker refused the connection: not today",
            (link, _) ->
                link.send(
                    new Message.Failed(link.receive(soon()).sequence(), "not today"), soon())),
        greeting(
            "welcomes out of turn",
            "the worker answered out of turn during the greeting",
            (link, _) -> {
              link.receive(soon()); // a peer that left without reading might be seen to leave first
              link.send(new Message.Welcome(4, 1, "b", "p", 1), soon());
            }),
        greeting(
            "answers otherwise",
            "the worker answered out of turn during the greeting",
            (link, _) -> done(link)));
  }

  private static Arguments greeting(String what, String line, FakeWorker.Script script) {
    return Arguments.of(what, line, script);
  }

  @ParameterizedTest(name = "a worker that {0}")
  @MethodSource("bad_greetings")
  void a_bad_greeting_ends_in_one_line(String what, String line, FakeWorker.Script script)
      throws Exception {
    try (FakeWorker fake = FakeWorker.start(folder, script)) {
      ProtocolException e =
          catchThrowableOfType(
              ProtocolException.class,
              () ->
                  RemoteWorker.connect(
                      fake.address(), null, what.equals("is silent") ? SHORT : LIMIT));
      assertThat(e.getMessage()).startsWith(line).doesNotContain("\n");
    }
  }

  static Stream<Arguments> bad_answers() {
    return Stream.of(
        greeting("leaves", "the worker went away, during forward of op 3", (_, _) -> {}),
        greeting(
            "stalls",
            "the worker did not answer within 0.2 s, during forward of op 3",
            (_, _) -> {}),
        greeting(
            "refuses",
            "the worker refused forward of op 3: no such thing",
            (link, _) ->
                link.send(
                    new Message.Failed(link.receive(soon()).sequence(), "no such thing"), soon())),
        greeting(
            "answers an earlier request again",
            "the worker answered out of turn, during forward of op 3",
            (link, _) -> link.send(new Message.Done(0, 1), soon())),
        greeting(
            "answers a later request",
            "the worker answered out of turn, during forward of op 3",
            (link, _) ->
                link.send(new Message.Done(link.receive(soon()).sequence() + 1, 1), soon())),
        greeting(
            "sends a request",
            "the worker answered out of turn, during forward of op 3",
            (link, _) -> link.send(new Message.Forward(3, 3, X, Y), soon())),
        greeting(
            "sends a tensor nobody asked for",
            "the worker answered out of turn, during forward of op 3",
            (link, _) -> link.send(new Message.Payload(3, Y), soon())),
        greeting(
            "sends half an answer",
            "the worker went away, during forward of op 3",
            (_, raw) -> raw.write(ByteBuffer.wrap(new byte[] {0x41, 0x4d, 33}), soon())),
        greeting(
            "announces a huge message",
            "the peer announces a message of 2147483647 bytes, during forward of op 3",
            (_, raw) ->
                raw.write(
                    ByteBuffer.wrap(
                        new byte[] {0x41, 0x4d, 33, 0, -1, -1, -1, 127, 3, 0, 0, 0, 0, 0, 0, 0}),
                    soon())),
        greeting(
            "speaks rubbish",
            "the peer does not speak this protocol",
            (_, raw) -> raw.write(ByteBuffer.wrap(new byte[1000]), soon())));
  }

  @ParameterizedTest(name = "a worker that {0}")
  @MethodSource("bad_answers")
  void a_bad_answer_ends_in_one_line_that_stays(String what, String line, FakeWorker.Script script)
      throws Exception {
    FakeWorker.Script whole =
        (link, raw) -> {
          done(link);
          done(link);
          script.serve(link, raw);
          // What was sent must arrive; leaving with unread requests could cut it off.
          while (true) {
            if (what.contains("leave") || what.contains("half")) {
              link.receive(soon());
              return;
            }
            link.receive(soon());
          }
        };
    try (FakeWorker fake = FakeWorker.polite(folder, whole);
        RemoteWorker worker = RemoteWorker.connect(fake.address(), null, LIMIT)) {
      worker.mapRegion(4096);
      worker.define(3, LINEAR);
      worker.requestLimit(what.equals("stalls") ? SHORT : LIMIT);
      Ticket ticket = worker.forward(3, new Released(X), Y);
      ProtocolException first =
          catchThrowableOfType(ProtocolException.class, () -> worker.await(ticket));
      assertThat(first.getMessage()).startsWith(line).doesNotContain("\n");
      assertThatThrownBy(() -> worker.await(ticket)).isSameAs(first);
      assertThatThrownBy(() -> worker.forward(3, new Released(X), Y)).isSameAs(first);
      assertThatThrownBy(() -> worker.publish(X)).isSameAs(first);
      assertThatThrownBy(() -> worker.mapRegion(8192)).isSameAs(first);
    }
  }

  /// It once ended in "done": what a request's answer is was known before the request.
  @Test
  void a_worker_that_has_answered_before_it_was_asked_is_refused() throws Exception {
    FakeWorker.Script script =
        (link, _) -> {
          for (long number = 1; number < 2000; number++) {
            link.send(new Message.Done(number, 5), soon());
          }
          // What was sent must arrive; leaving with unread requests could cut it off.
          link.receive(soon());
          link.receive(soon());
        };
    try (FakeWorker fake = FakeWorker.polite(folder, script);
        RemoteWorker worker = RemoteWorker.connect(fake.address(), null, LIMIT)) {
      assertThatThrownBy(() -> worker.mapRegion(4096))
          .isInstanceOf(ProtocolException.class)
          .hasMessage("the worker answered out of turn, during the mapping of the tensor region");
    }
  }

  @Test
  void a_worker_that_reads_nothing_runs_into_the_time_limit() throws Exception {
    CountDownLatch over = new CountDownLatch(1);
    FakeWorker.Script script =
        (link, _) -> {
          done(link);
          done(link);
          over.await();
        };
    try (FakeWorker fake = FakeWorker.polite(folder, script);
        RemoteWorker worker = RemoteWorker.connect(fake.address(), null, LIMIT)) {
      worker.mapRegion(4096);
      worker.define(3, LINEAR);
      worker.requestLimit(SHORT);
      ProtocolException e =
          catchThrowableOfType(
              ProtocolException.class,
              () -> {
                for (int i = 0; i < 10_000; i++) {
                  worker.forward(3, new Released(X), Y);
                }
              });
      over.countDown();
      assertThat(e.reason()).isEqualTo(Reason.TIMED_OUT);
    }
  }

  @Test
  void a_worker_can_neither_shrink_the_shared_memory_nor_find_a_name_of_it() throws Exception {
    CompletableFuture<List<String>> sharedMemory = new CompletableFuture<>();
    FakeWorker.Script script =
        (link, _) -> {
          Message.MapRegion m = (Message.MapRegion) link.receive(soon());
          try (Region region = link.shared(m.sizeBytes())) {
            sharedMemory.complete(truncated());
            assertThat(region.sizeBytes()).isEqualTo(4096);
          }
          link.send(new Message.Failed(m.sequence(), "no memory"), soon());
        };
    try (FakeWorker fake = FakeWorker.polite(folder, script);
        RemoteWorker worker = RemoteWorker.connect(fake.address(), null, LIMIT)) {
      assertThatThrownBy(() -> worker.mapRegion(4096))
          .hasMessage("the worker refused the mapping of the tensor region: no memory");
      assertThat(sharedMemory.get())
          // This side's own descriptor may not be closed yet.
          .isNotEmpty()
          .allSatisfy(tried ->
              assertThat(tried).endsWith("memfd:asymml (deleted): Operation not permitted"));
    }
  }

  /// What becomes of the try to truncate every shared memory that this process has open.
  private static List<String> truncated() throws IOException {
    List<String> results = new ArrayList<>();
    try (DirectoryStream<Path> open = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path descriptor : open) {
        String target = target(descriptor);
        if (target.contains("memfd:asymml")) {
          try (FileChannel channel = FileChannel.open(descriptor, StandardOpenOption.WRITE)) {
            channel.truncate(0);
            results.add(target + ": truncated");
          } catch (IOException e) {
            results.add(target + ": " + e.getMessage());
          }
        }
      }
    }
    return results;
  }

  private static String target(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString();
    } catch (IOException e) {
      return ""; // closed meanwhile
    }
  }

  @Test
  void a_worker_s_processor_time_never_runs_backwards() throws Exception {
    FakeWorker.Script script =
        (link, _) -> {
          link.send(new Message.Done(link.receive(soon()).sequence(), 900), soon());
          link.send(new Message.Done(link.receive(soon()).sequence(), 400), soon());
        };
    try (FakeWorker fake = FakeWorker.polite(folder, script);
        RemoteWorker worker = RemoteWorker.connect(fake.address(), null, LIMIT)) {
      worker.mapRegion(4096);
      worker.define(0, LINEAR);
      assertThat(worker.workerCpuNanos()).isEqualTo(900);
    }
  }
}
