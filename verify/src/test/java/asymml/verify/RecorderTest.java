package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import asymml.analysis.WorkerView;
import asymml.kernels.Convolution;
import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.Ticket;
import asymml.trusted.boundary.WorkerProcess;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.plan.Update;
import asymml.trusted.rank.RankAnalysis;
import asymml.trusted.rank.RankReport;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.EpochAnalysis;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainListener;
import asymml.trusted.train.Trainer;
import asymml.untrusted.WorkerThread;
import asymml.verify.RecordingProxy.Received;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.RecordedEvent;
import asymml.wire.RecordedEvent.Held;
import asymml.wire.Recording;
import asymml.wire.Recording.Ending;
import asymml.wire.WorkerAddress;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Worker processes that keep what they see.
class RecorderTest {
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final long SEED = 41;
  private static final Shape SHAPE = new Shape(8, 8, 3);

  /// Batches of 8, 8 and 4 a run of two epochs.
  private static final int IMAGES = 20;

  private static final TrainListener SILENT =
      new TrainListener() {
        @Override
        public void epochStarted(int epoch, int batches, int firstBatch) {}

        @Override
        public void stepDone(EpochTotals totals) {}

        @Override
        public void evaluated(int done, int total) {}

        @Override
        public void epochDone(EpochMetrics metrics) {}
      };

  @TempDir Path folder;

  private Path recording() {
    return folder.resolve("view.rec");
  }

  private WorkerProcess start(List<String> arguments) throws ProtocolException {
    List<String> command = new ArrayList<>(LocalWorker.command());
    command.addAll(arguments);
    return WorkerProcess.start(command, 2, folder.resolve("worker.log"), LIMIT);
  }

  private static ImageSet images(int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] labels = new int[count];
    byte[] pixels = new byte[count * SHAPE.size()];
    for (int i = 0; i < pixels.length; i++) {
      labels[i / SHAPE.size()] = i / SHAPE.size() % 2;
      pixels[i] = (byte) (labels[i / SHAPE.size()] * 80 + random.nextInt(90));
    }
    return ImageSet.of(SHAPE, List.of("dark", "bright"), labels, pixels);
  }

  private List<Received> train(WorkerAddress.Unix worker) throws Exception {
    return train(worker, new NoiseStrength.Ratio(0.5), false, folder.resolve("run"));
  }

  /// Two epochs of three steps, the first layer trusted; what passed on the way.
  private List<Received> train(
      WorkerAddress.Unix worker, NoiseStrength noise, boolean analysed, Path run) throws Exception {
    return train(worker, noise, analysed, run, Update.TRUSTED);
  }

  private List<Received> train(
      WorkerAddress.Unix worker, NoiseStrength noise, boolean analysed, Path run, Update update)
      throws Exception {
    System.out.println("seed " + SEED);
    ImageSet train = images(IMAGES, SEED);
    DataSet data =
        new DataSet("tiny", train, images(8, SEED + 1), Normalization.of(train), false, 0);
    TrainConfig config =
        new TrainConfig(
                "cnn",
                Zoo.Norm.BATCH,
                Mode.ASYMML,
                Decomposition.SHARED,
                RankPolicy.parse("1/4"),
                List.of(Plan.FIRST),
                noise,
                new NoiseStrength.None(),
                2,
                8,
                new TrainConfig.Optimizer(
                    0.02f, 0.9f, 5e-4f, TrainConfig.Schedule.COSINE, 0, List.of(), 0.1f),
                0,
                false,
                SEED,
                PrivacyConfig.NONE,
                new Shield.Residual())
            .withUpdate(update);
    List<RankReport> reports = new ArrayList<>();
    EpochAnalysis analysis =
        (epoch, step, graph, parameters, normalization) ->
            reports.add(
                new RankAnalysis(
                        Plan.trusted(graph),
                        config.rank(),
                        config.decomposition(),
                        3,
                        config.labelSmoothing(),
                        SEED)
                    .of(graph, parameters, train, normalization, epoch, step));
    RunLayout layout = new RunLayout(run);
    Files.createDirectories(layout.events());
    try (RecordingProxy proxy = new RecordingProxy(run, worker, List.of());
        RemoteWorker remote = RemoteWorker.connect(proxy.address(), null, LIMIT);
        ReleaseDoor door = new ReleaseDoor(remote, new SecureRandom(), 2);
        Trainer trainer = new Trainer(config, data, remote, door)) {
      EpochAnalysis used = analysed ? analysis : EpochAnalysis.NONE;
      assertThat(trainer.run(layout, false, SILENT, used, () -> false))
          .isEqualTo(Trainer.Outcome.FINISHED);
      assertThat(reports).hasSize(analysed ? 2 : 0);
      return proxy.received();
    }
  }

  /// What a request brings, by kind, operation and values: tensors as the door wrote them.
  private record Brought(String kind, int opId, List<List<Float>> operands) {}

  private static List<Float> values(float[] values) {
    List<Float> list = new ArrayList<>(values.length);
    for (float value : values) {
      list.add(value);
    }
    return list;
  }

  private static Stream<Brought> brought(Received received) {
    int opId =
        switch (received.request()) {
          case Message.DefineOp m -> m.opId();
          case Message.LoadWeights m -> m.opId();
          case Message.Forward m -> m.opId();
          case Message.BackwardData m -> m.opId();
          case Message.BackwardWeights m -> m.opId();
          case Message.HoldWeights m -> m.opId();
          case Message.LoadHeld m -> m.opId();
          case Message.KeepDirections m -> m.holder();
          case Message.FoldWeights m -> m.holder();
          case Message.KeepGradient m -> m.opId();
          case Message.UpdateWeights m -> m.holder();
          case Message.FetchHeld m -> m.holder();
          case Message.Hello _, Message.MapRegion _, Message.ExpandMask _, Message.Bye _ -> -1;
        };
    return opId < 0
        ? Stream.empty()
        : Stream.of(
            new Brought(
                received.request().getClass().getSimpleName(),
                opId,
                received.operands().stream().map(RecorderTest::values).toList()));
  }

  private static Brought brought(RecordedEvent event) {
    List<MemorySegment> operands =
        switch (event) {
          case RecordedEvent.DefineOp _ -> List.of();
          case RecordedEvent.LoadWeights e -> List.of(e.weights());
          case RecordedEvent.Forward e -> List.of(e.x());
          case RecordedEvent.BackwardData e -> List.of(e.dy());
          case RecordedEvent.BackwardWeights e -> List.of(e.x(), e.dy());
          case RecordedEvent.Received e -> List.of(e.values());
        };
    return new Brought(
        event.getClass().getSimpleName(),
        event.opId(),
        operands.stream().map(o -> values(o.toArray(ValueLayout.JAVA_FLOAT))).toList());
  }

  @Test
  void a_recording_holds_precisely_what_the_door_let_out_and_what_was_computed_from_it()
      throws Exception {
    List<Received> passed;
    try (WorkerThread worker = new WorkerThread("--record", recording().toString())) {
      passed = train(worker.address());
    }
    try (WorkerView view = WorkerView.open(recording())) {
      assertThat(view.ending()).isEqualTo(Ending.COMPLETE);
      assertThat(view.events().stream().map(RecorderTest::brought).toList())
          .isEqualTo(passed.stream().flatMap(RecorderTest::brought).toList());
      // Three split layers, each for batches of 8 and of 4; weights go to all of a batch size.
      assertThat(view.operations()).hasSize(6);
      assertThat(view.operations())
          .allSatisfy(op -> {
            int steps = op.shape().batch() == 8 ? 4 : 2;
            assertThat(op.passes()).hasSize(steps);
            assertThat(op.weights()).hasSize(steps);
            assertComputed(op);
          });
    }
  }

  /// Weights that the worker updates are recorded as those that it computes with, and all that came
  /// for them besides. From what is recorded the weights of the next step follow.
  @Test
  void a_recording_of_updates_holds_what_they_follow_from() throws Exception {
    List<Received> passed;
    try (WorkerThread worker = new WorkerThread("--record", recording().toString())) {
      passed =
          train(
              worker.address(),
              new NoiseStrength.Ratio(0.5),
              false,
              folder.resolve("run"),
              Update.WORKER);
    }
    try (WorkerView view = WorkerView.open(recording())) {
      assertThat(view.ending()).isEqualTo(Ending.COMPLETE);
      for (Held what : Held.values()) {
        List<List<Float>> sent =
            passed.stream()
                .filter(r ->
                    switch (what) {
                      case MOMENTUM -> r.request() instanceof Message.HoldWeights;
                      case DIRECTIONS -> r.request() instanceof Message.KeepDirections;
                      case FACTOR -> r.request() instanceof Message.UpdateWeights;
                    })
                .map(r -> values(r.operands().getLast()))
                .toList();
        List<List<Float>> recorded =
            view.events().stream()
                .filter(e -> e instanceof RecordedEvent.Received r && r.what() == what)
                .map(e -> values(e.tensors().getFirst().toArray(ValueLayout.JAVA_FLOAT)))
                .toList();
        assertThat(recorded).isNotEmpty().isEqualTo(sent);
      }
      assertThat(view.operations())
          .hasSize(6)
          .allSatisfy(op -> {
            assertThat(op.weights()).hasSize(op.shape().batch() == 8 ? 4 : 2);
            assertComputed(op);
          });
      // Those that were sent, and others after each step.
      List<float[]> held =
          passed.stream()
              .filter(r -> r.request() instanceof Message.HoldWeights)
              .map(r -> r.operands().getFirst())
              .toList();
      assertThat(held).hasSize(3);
      for (int i = 0; i < 3; i++) {
        List<Tensor> weights = view.operations().get(i).weights();
        assertThat(weights.getFirst().toArray()).isEqualTo(held.get(i));
        assertThat(weights.get(1).toArray()).isNotEqualTo(held.get(i));
      }
    }
  }

  /// By the kernels on what the recording says was received: only the order of sums may differ.
  private static void assertComputed(WorkerView.Operation op) {
    try (Arena arena = Arena.ofShared();
        Convolution here = new Convolution(op.shape(), EnumSet.allOf(Convolution.Pass.class))) {
      Tensor y = Tensor.allocate(arena, op.shape().outputAxes());
      Tensor dx = Tensor.allocate(arena, op.shape().inputAxes());
      Tensor dw = Tensor.allocate(arena, op.shape().weightAxes());
      for (WorkerView.Pass pass : op.passes()) {
        Tensor dy = Objects.requireNonNull(pass.dy());
        here.loadWeights(op.weights().get(pass.weights()));
        here.forward(pass.x(), y);
        here.backwardData(dy, dx);
        here.backwardWeights(pass.x(), dy, dw);
        assertClose(pass.y(), y);
        assertClose(Objects.requireNonNull(pass.dx()), dx);
        assertClose(Objects.requireNonNull(pass.dw()), dw);
      }
    }
  }

  private static void assertClose(Tensor actual, Tensor expected) {
    double difference = 0;
    double norm = 0;
    for (long i = 0; i < expected.size(); i++) {
      difference += Math.pow((double) actual.get(i) - expected.get(i), 2);
      norm += Math.pow(expected.get(i), 2);
    }
    assertThat(Math.sqrt(difference)).isLessThanOrEqualTo(1e-6 * Math.sqrt(norm));
  }

  /// Without noise a run is the same to the bit each time; so must be all that its worker sees.
  @Test
  void what_leaves_is_the_same_whether_ranks_are_analysed_or_not() throws Exception {
    List<List<Brought>> views = new ArrayList<>();
    for (boolean analysed : new boolean[] {false, true}) {
      Path view = folder.resolve("view-" + analysed);
      try (WorkerThread worker = new WorkerThread("--record", view.toString())) {
        train(
            worker.address(),
            new NoiseStrength.None(),
            analysed,
            folder.resolve("run-" + analysed));
      }
      try (Recording recording = Recording.open(view)) {
        assertThat(recording.ending()).isEqualTo(Ending.COMPLETE);
        views.add(recording.events().stream().map(RecorderTest::brought).toList());
      }
    }
    assertThat(views.getFirst()).hasSizeGreaterThan(70).isEqualTo(views.getLast());
  }

  @Test
  void a_full_recording_says_so_and_disturbs_nobody() throws Exception {
    List<Received> passed;
    try (WorkerThread worker =
        new WorkerThread("--record", recording().toString(), "--record-limit", "300K")) {
      passed = train(worker.address());
    }
    assertThat(Files.size(recording())).isBetween(150L << 10, 300L << 10);
    try (Recording view = Recording.open(recording())) {
      assertThat(view.ending()).isEqualTo(Ending.TRUNCATED);
      List<Brought> kept = view.events().stream().map(RecorderTest::brought).toList();
      List<Brought> all = passed.stream().flatMap(RecorderTest::brought).toList();
      assertThat(kept.size()).isBetween(10, all.size() - 1);
      assertThat(kept).isEqualTo(all.subList(0, kept.size()));
    }
  }

  private ProtocolException doesNotStart(Path file) {
    ProtocolException e =
        catchThrowableOfType(
            ProtocolException.class, () -> start(List.of("--record", file.toString())).close());
    assertThat(e).isNotNull();
    return e;
  }

  @Test
  void a_worker_that_cannot_record_does_not_start_and_says_why_in_one_line() throws Exception {
    Path nowhere = folder.resolve("nowhere").resolve("view.rec");
    assertThat(doesNotStart(nowhere).getMessage())
        .isEqualTo(
            "the worker did not start (exit code 1); its last output: \"asymml worker: cannot write"
                + " the recording "
                + nowhere
                + ": no such directory\"");
    Path taken = Files.writeString(recording(), "of yesterday");
    assertThat(doesNotStart(taken).getMessage()).endsWith(": it exists already\"");
    assertThat(taken).hasContent("of yesterday");
    assertThat(doesNotStart(Path.of("/dev/full")).getMessage())
        .endsWith("/dev/full: No space left on device\"");
    assertThat(Files.readAllLines(folder.resolve("worker.log")))
        .filteredOn(line -> !line.startsWith("WARNING: Using incubator modules"))
        .hasSize(3);
  }

  /// A limit of the operating system on files stands for a disk that fills up.
  @Test
  void a_worker_that_can_record_no_more_ends_and_leaves_what_it_had() throws Exception {
    try (WorkerProcess process = start(List.of("--record", recording().toString()))) {
      // Only now: without a home, a worker writes its native libraries when it starts.
      Process limit =
          new ProcessBuilder("prlimit", "--pid", String.valueOf(process.pid()), "--fsize=307200")
              .inheritIO()
              .start();
      assertThat(limit.waitFor()).isZero();
      ProtocolException e =
          catchThrowableOfType(ProtocolException.class, () -> train(process.address()));
      assertThat(e.getMessage()).startsWith("the worker");
    }
    assertThat(Files.readAllLines(folder.resolve("worker.log")).getLast())
        .isEqualTo("asymml worker: cannot write the recording " + recording() + ": File too large");
    try (Recording view = Recording.open(recording())) {
      assertThat(view.ending()).isEqualTo(Ending.CUT_OFF);
      assertThat(view.events()).hasSizeGreaterThan(10);
    }
  }

  @Test
  void a_killed_worker_leaves_whole_events() throws Exception {
    try (WorkerProcess process = start(List.of("--record", recording().toString()));
        RemoteWorker worker = RemoteWorker.connect(process, LIMIT);
        Exchange exchange =
            new Exchange(worker, new asymml.kernels.ConvShape(3, 7, 5, 6, 9, 3, 3, 2, 1), 31)) {
      exchange.loadWeights();
      Ticket ticket = exchange.forward(exchange.releaseX());
      worker.await(ticket);
      ProcessHandle.of(process.pid()).ifPresent(ProcessHandle::destroyForcibly);
      LocalWorker.awaitEnd(process);
      try (Recording view = Recording.open(recording())) {
        assertThat(view.ending()).isEqualTo(Ending.CUT_OFF);
        assertThat(view.events()).hasSize(3);
        assertThat(view.events().getLast().tensors().getFirst().toArray(ValueLayout.JAVA_FLOAT))
            .isEqualTo(exchange.x().toArray());
      }
    }
  }
}
