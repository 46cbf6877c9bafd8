package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import asymml.kernels.ConvShape;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.Ticket;
import asymml.trusted.boundary.WorkerProcess;
import asymml.untrusted.WorkerThread;
import asymml.wire.ProtocolException;
import asymml.wire.ProtocolException.Reason;
import asymml.wire.UnixTransport;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A trusted side and a real worker process on one machine.
class TwoProcessTest {
  private static final Duration LIMIT = Duration.ofMinutes(5);
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

  /// Until the system has stopped a process, which it does some time after the signal was sent.
  private static void awaitStopped(long pid) throws IOException {
    String state = "";
    while (!state.equals("T")) {
      String line = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
      state = line.substring(line.lastIndexOf(')') + 2).substring(0, 1);
      Thread.onSpinWait();
    }
  }

  /// The files that this process has mapped as regions of tensors, as the system names them.
  private static List<String> regions() throws IOException {
    try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
      return maps.filter(line -> line.contains("/memfd:asymml"))
          .map(line -> line.substring(line.indexOf('/')))
          .toList();
    }
  }

  @Test
  void a_worker_process_computes_what_is_computed_here_and_leaves_nothing_behind()
      throws Exception {
    try (WorkerProcess process = start()) {
      try (RemoteWorker worker = RemoteWorker.connect(process, LIMIT);
          Exchange exchange = new Exchange(worker, SMALL, 31)) {
        assertThat(worker.backend()).startsWith("cpu (oneDNN ");
        assertThat(worker.precision()).isEqualTo("float32");
        assertThat(regions()).isNotEmpty().allMatch(name -> name.endsWith(" (deleted)"));
        exchange.run();
        exchange.assertSameAsHere();
        assertThat(worker.bytesToWorker()).isEqualTo(exchange.bytesOut());
        assertThat(worker.bytesFromWorker()).isEqualTo(exchange.bytesBack());
        assertThat(worker.workerCpuNanos()).isPositive();
      }
      LocalWorker.awaitEnd(process);
    }
    assertThat(Files.readString(log)).endsWith("asymml worker: the trainer is done\n");
  }

  @Test
  void a_second_trainer_is_refused_and_the_first_is_served_on() throws Exception {
    try (WorkerThread worker = new WorkerThread();
        RemoteWorker first = RemoteWorker.connect(worker.address(), null, LIMIT);
        Exchange exchange = new Exchange(first, SMALL, 7)) {
      ProtocolException refused =
          catchThrowableOfType(
              ProtocolException.class, () -> RemoteWorker.connect(worker.address(), null, LIMIT));
      assertThat(refused)
          .hasMessageStartingWith("no worker listens on unix:")
          .hasMessageNotContainingAny("Exception", "\n");
      exchange.run();
      exchange.assertSameAsHere();
    }
    assertThat(regions()).isEmpty();
  }

  @Test
  void a_worker_killed_in_mid_request_is_noticed_before_the_time_limit() throws Exception {
    try (WorkerProcess process = start();
        RemoteWorker worker = RemoteWorker.connect(process, LIMIT);
        Exchange exchange = new Exchange(worker, LARGE, 32)) {
      exchange.loadWeights();
      Ticket first = exchange.forward(exchange.releaseX());
      for (int i = 0; i < 20; i++) {
        exchange.forward(exchange.releaseX());
      }
      CompletableFuture<Void> killed =
          CompletableFuture.runAsync(() -> {
            try {
              signal("KILL", process.pid());
            } catch (IOException | InterruptedException e) {
              throw new AssertionError(e);
            }
          });
      ProtocolException e =
          catchThrowableOfType(
              ProtocolException.class,
              () -> {
                for (long i = first.sequence(); i <= first.sequence() + 20; i++) {
                  worker.await(new Ticket(i));
                }
              });
      killed.get(5, TimeUnit.MINUTES);
      assertThat(e.reason()).isEqualTo(Reason.CLOSED);
      assertThat(e.getMessage())
          .startsWith(
              "the worker went away (exit code 137); its last output: \"asymml worker: a trainer"
                  + " connected\", during ")
          .endsWith(" of op 5"); // its weights or its forward pass, as far as it had come
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
      awaitStopped(process.pid());
      Ticket ticket = exchange.forward(exchange.releaseX());
      ProtocolException e =
          catchThrowableOfType(ProtocolException.class, () -> worker.await(ticket));
      assertThat(e.reason()).isEqualTo(Reason.TIMED_OUT);
      assertThat(e.getMessage()).startsWith("the worker did not answer within 0.3 s, during ");
    }
    LocalWorker.awaitEnd(process);
  }

  @Test
  void a_worker_whose_trainer_dies_without_a_word_exits() throws Exception {
    try (WorkerProcess process = start()) {
      UnixTransport.connect(process.address().path()).close();
      LocalWorker.awaitEnd(process);
    }
    assertThat(Files.readString(log)).contains("asymml worker: the trainer went away");
  }

  /// Without a limit of time: the end of its standard input is all that ends it.
  @Test
  void a_worker_whose_trainer_dies_before_it_connects_exits() throws Exception {
    List<String> command = new ArrayList<>(LocalWorker.command());
    Path socket = folder.resolve("socket");
    command.addAll(List.of("--listen", "unix:" + socket, "--until-stdin-ends"));
    Process worker = new ProcessBuilder(command).redirectError(log.toFile()).start();
    assertThat(worker.inputReader().readLine()).startsWith("worker listening on");
    assertThat(worker.isAlive()).isTrue();
    worker.getOutputStream().close();
    assertThat(worker.waitFor(5, TimeUnit.MINUTES)).isTrue();
    assertThat(worker.exitValue()).isZero();
    assertThat(Files.readString(log)).contains("asymml worker: the trainer went away");
    assertThat(socket).doesNotExist();
  }

  @Test
  void an_interrupt_from_the_terminal_is_left_to_the_trainer() throws Exception {
    try (WorkerProcess process = start();
        RemoteWorker worker = RemoteWorker.connect(process, LIMIT);
        Exchange exchange = new Exchange(worker, SMALL, 38)) {
      assertThat(ignored(process.pid())).contains(2, 15);
      signal("INT", process.pid());
      signal("TERM", process.pid());
      exchange.run();
      exchange.assertSameAsHere();
    }
    assertThat(Files.readString(log)).endsWith("asymml worker: the trainer is done\n");
  }

  /// The numbers of the signals that a process ignores.
  private static List<Integer> ignored(long pid) throws IOException {
    try (Stream<String> status = Files.lines(Path.of("/proc", Long.toString(pid), "status"))) {
      String mask =
          status
              .filter(line -> line.startsWith("SigIgn:"))
              .map(line -> line.substring("SigIgn:".length()).strip())
              .findFirst()
              .orElseThrow();
      long bits = Long.parseUnsignedLong(mask, 16);
      return IntStream.rangeClosed(1, 64).filter(s -> (bits >>> (s - 1) & 1) != 0).boxed().toList();
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
