package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import asymml.kernels.ConvShape;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.Ticket;
import asymml.trusted.boundary.WorkerProcess;
import asymml.wire.ProtocolException;
import asymml.wire.ProtocolException.Reason;
import asymml.wire.UnixTransport;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A trusted side and a real worker process on one machine.
class TwoProcessTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final ConvShape SMALL = new ConvShape(3, 7, 5, 6, 9, 3, 3, 2, 1);

  // Some 100 billion multiply-adds: about a second's work for two threads of a fast CPU.
  private static final ConvShape LARGE = new ConvShape(128, 32, 32, 128, 128, 7, 7, 1, 3);

  @TempDir Path folder;
  private Path log;

  @BeforeEach
  void name_the_log() {
    log = folder.resolve("worker.log");
  }

  private WorkerProcess start() throws ProtocolException {
    return WorkerProcess.start(LocalWorker.command(), 2, log, LIMIT);
  }

  private static void signal(String name, long pid) throws IOException, InterruptedException {
    assertThat(new ProcessBuilder("/bin/sh", "-c", "kill -" + name + " " + pid).start().waitFor())
        .isZero();
  }

  private static boolean ended(WorkerProcess process, Duration within) throws InterruptedException {
    long end = System.nanoTime() + within.toNanos();
    while (process.isAlive() && System.nanoTime() < end) {
      Thread.sleep(10);
    }
    return !process.isAlive();
  }

  private static List<Path> regions() throws IOException {
    Path shm = Path.of("/dev/shm");
    if (!Files.isDirectory(shm)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(shm)) {
      return files.filter(f -> f.getFileName().toString().startsWith("asymml-")).toList();
    }
  }

  @Test
  void a_worker_process_computes_what_is_computed_here_and_leaves_nothing_behind()
      throws Exception {
    List<Path> before = regions();
    try (WorkerProcess process = start()) {
      try (RemoteWorker worker = RemoteWorker.connect(process, LIMIT);
          Exchange exchange = new Exchange(worker, SMALL, 31)) {
        assertThat(worker.backend()).startsWith("cpu (oneDNN ");
        assertThat(worker.precision()).isEqualTo("float32");
        assertThat(regions()).isEqualTo(before);
        exchange.run();
        exchange.assertSameAsHere();
        assertThat(worker.bytesToWorker()).isEqualTo(exchange.bytesOut());
        assertThat(worker.bytesFromWorker()).isEqualTo(exchange.bytesBack());
        assertThat(worker.workerCpuNanos()).isPositive();
      }
      assertThat(ended(process, Duration.ofSeconds(2))).isTrue();
    }
    assertThat(Files.readString(log)).endsWith("asymml worker: the trainer is done\n");
  }

  @Test
  void a_worker_killed_in_mid_request_is_noticed_at_once() throws Exception {
    try (WorkerProcess process = start();
        RemoteWorker worker = RemoteWorker.connect(process, LIMIT);
        Exchange exchange = new Exchange(worker, LARGE, 32)) {
      exchange.loadWeights();
      Ticket ticket = exchange.forward(exchange.releaseX());
      Thread.sleep(150);
      assertThat(process.isAlive()).isTrue();
      CompletableFuture<Long> killed =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  signal("KILL", process.pid());
                } catch (IOException | InterruptedException e) {
                  throw new AssertionError(e);
                }
                return System.nanoTime();
              },
              CompletableFuture.delayedExecutor(100, TimeUnit.MILLISECONDS));
      ProtocolException e =
          catchThrowableOfType(ProtocolException.class, () -> worker.await(ticket));
      long noticed = System.nanoTime();
      assertThat(e.reason()).isEqualTo(Reason.CLOSED);
      assertThat(e.getMessage())
          .isEqualTo(
              "the worker went away (exit code 137); its last words: \"asymml worker: a trainer"
                  + " connected\", during forward of op 5");
      assertThat(Duration.ofNanos(noticed - killed.get())).isLessThan(Duration.ofSeconds(1));
    }
  }

  @Test
  void a_worker_that_stalls_runs_into_the_time_limit_and_is_killed() throws Exception {
    WorkerProcess process = start();
    try (process;
        RemoteWorker worker = RemoteWorker.connect(process, LIMIT);
        Exchange exchange = new Exchange(worker, SMALL, 33)) {
      exchange.loadWeights();
      worker.requestLimit(Duration.ofMillis(300));
      signal("STOP", process.pid());
      Ticket ticket = exchange.forward(exchange.releaseX());
      ProtocolException e =
          catchThrowableOfType(ProtocolException.class, () -> worker.await(ticket));
      assertThat(e.reason()).isEqualTo(Reason.TIMED_OUT);
      assertThat(e.getMessage()).startsWith("the worker did not answer within 0.3 s, during ");
    }
    assertThat(ended(process, Duration.ofSeconds(1))).isTrue();
  }

  @Test
  void a_worker_whose_trainer_dies_without_a_word_exits() throws Exception {
    try (WorkerProcess process = start()) {
      UnixTransport.connect(process.address().path()).close();
      assertThat(ended(process, Duration.ofSeconds(5))).isTrue();
    }
    assertThat(Files.readString(log)).contains("asymml worker: the trainer went away");
  }

  @Test
  void an_interrupt_from_the_terminal_is_left_to_the_trainer() throws Exception {
    try (WorkerProcess process = start();
        RemoteWorker worker = RemoteWorker.connect(process, LIMIT);
        Exchange exchange = new Exchange(worker, SMALL, 38)) {
      signal("INT", process.pid());
      Thread.sleep(200);
      exchange.run();
      exchange.assertSameAsHere();
    }
  }

  @Test
  void a_request_that_the_worker_cannot_serve_is_told() throws Exception {
    try (WorkerProcess process = start();
        RemoteWorker worker = RemoteWorker.connect(process, LIMIT);
        Exchange exchange = new Exchange(worker, SMALL, 34)) {
      Ticket ticket = exchange.forward(exchange.releaseX());
      ProtocolException e =
          catchThrowableOfType(ProtocolException.class, () -> worker.await(ticket));
      assertThat(e.getMessage())
          .isEqualTo("the worker refused forward of op 5: op 5 has no weights");
    }
  }

  @Test
  void a_request_and_its_answer_take_little_time() throws Exception {
    int rounds = 3000;
    long[] nanos = new long[rounds];
    try (WorkerProcess process = start();
        RemoteWorker worker = RemoteWorker.connect(process, LIMIT);
        Exchange exchange = new Exchange(worker, ConvShape.linear(1, 1, 1), 35)) {
      exchange.loadWeights();
      for (int i = 0; i < rounds; i++) {
        long start = System.nanoTime();
        worker.await(exchange.forward(exchange.releaseX()));
        nanos[i] = System.nanoTime() - start;
      }
    }
    Arrays.sort(nanos);
    System.out.println("1x1 forward in another process, median: " + nanos[rounds / 2] + " ns");
    // The machine may be busy with other work: the median leaves room for that.
    assertThat(nanos[rounds / 2]).isLessThan(500_000);
  }

  @Test
  void a_canary_in_private_memory_is_not_seen_by_the_worker_and_a_released_one_is()
      throws Exception {
    byte[] hidden = new byte[16];
    byte[] released = new byte[16];
    try (WorkerProcess process = start()) {
      // The values of this seed: the first four of X leave by the door, others stay.
      Random random = new Random(36);
      ByteBuffer out = ByteBuffer.wrap(released).order(ByteOrder.LITTLE_ENDIAN);
      for (int i = 0; i < 4; i++) {
        out.putFloat((float) random.nextGaussian());
      }
      new Random(37).nextBytes(hidden);
      try (RecordingProxy proxy =
              new RecordingProxy(folder, process.address(), List.of(hidden, released));
          RemoteWorker worker = RemoteWorker.connect(proxy.address(), null, LIMIT);
          Exchange exchange = new Exchange(worker, SMALL, 36)) {
        exchange.run();
        assertThat(proxy.saw(released)).isTrue();
        assertThat(proxy.saw(hidden)).isFalse();
        assertThat(proxy.received())
            .extracting(r -> r.request().getClass().getSimpleName())
            .containsExactly(
                "Hello",
                "MapRegion",
                "DefineOp",
                "LoadWeights",
                "Forward",
                "BackwardData",
                "BackwardWeights");
        assertThat(proxy.received().get(4).operands().getFirst()).isEqualTo(exchange.x().toArray());
      }
    }
  }
}
