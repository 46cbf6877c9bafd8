package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import asymml.model.SafeTensors;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
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
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.split.Workers;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainListener;
import asymml.trusted.train.Trainer;
import asymml.trusted.train.TrainingException;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Whole training runs in `asymml` mode with a worker process of their own.
class SplitTrainingTest {
  private static final long SEED = 19;
  private static final Shape SHAPE = new Shape(16, 16, 3);

  /// Batches of 16, 16 and 12: at step 10, in the last epoch, bases are refreshed.
  private static final int STEPS = 3;

  private static final int EPOCHS = 4;
  private static final DataSet DATA = data();
  private static final NoiseStrength NO_NOISE = new NoiseStrength.None();

  private static final TrainConfig SHARED = config(Decomposition.SHARED, "1/8", NO_NOISE);

  /// A whole run of [#SHARED], and what it would have left after its first epoch.
  private static RunLayout whole = new RunLayout(Path.of(""));

  private static RunLayout afterFirst = new RunLayout(Path.of(""));

  @TempDir Path folder;

  @BeforeAll
  static void run_uninterrupted(@TempDir Path shared) throws Exception {
    whole = layout(shared.resolve("whole"));
    afterFirst = layout(shared.resolve("after-first"));
    run(SHARED, whole, false, keepAfter(1, whole, afterFirst));
  }

  private static DataSet data() {
    System.out.println("seed " + SEED);
    ImageSet train = images(44, SEED);
    return new DataSet("tiny", train, images(20, SEED + 1), Normalization.of(train), true, 2);
  }

  /// Stripes: upright ones are class 0, lying ones class 1.
  private static ImageSet images(int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] labels = new int[count];
    byte[] pixels = new byte[count * SHAPE.size()];
    for (int n = 0; n < count; n++) {
      labels[n] = n % 2;
      int phase = random.nextInt(4);
      for (int i = 0; i < SHAPE.size(); i++) {
        int column = i / 3 % 16;
        int row = i / 48;
        int stripe = ((labels[n] == 0 ? column : row) + phase) / 2 % 2;
        pixels[n * SHAPE.size() + i] = (byte) (stripe * 120 + random.nextInt(100));
      }
    }
    return ImageSet.of(SHAPE, List.of("upright", "lying"), labels, pixels);
  }

  private static TrainConfig config(Decomposition decomposition, String rank, NoiseStrength noise) {
    return new TrainConfig(
        "cnn",
        Zoo.Norm.BATCH,
        Mode.ASYMML,
        decomposition,
        RankPolicy.parse(rank),
        List.of(Plan.FIRST),
        noise,
        new NoiseStrength.None(),
        EPOCHS,
        16,
        new TrainConfig.Optimizer(
            0.02f, 0.9f, 5e-4f, TrainConfig.Schedule.COSINE, 1, List.of(), 0.1f),
        0.1f,
        true,
        SEED,
        PrivacyConfig.NONE,
        new Shield.Residual());
  }

  private RunLayout fresh(String name) throws IOException {
    return layout(folder.resolve(name));
  }

  private static RunLayout layout(Path directory) throws IOException {
    RunLayout layout = new RunLayout(directory);
    Files.createDirectories(layout.events());
    return layout;
  }

  /// Hears of steps, counted from 1, and of epochs.
  private static final class Listening implements TrainListener {
    private final IntConsumer stepped;
    private final IntConsumer epochEnded;
    private int steps;

    Listening(IntConsumer stepped, IntConsumer epochEnded) {
      this.stepped = stepped;
      this.epochEnded = epochEnded;
    }

    @Override
    public void epochStarted(int epoch, int batches, int firstBatch) {}

    @Override
    public void stepDone(EpochTotals totals) {
      steps++;
      stepped.accept(steps);
    }

    @Override
    public void evaluated(int done, int total) {}

    @Override
    public void epochDone(EpochMetrics metrics) {
      epochEnded.accept(metrics.epoch());
    }
  }

  private static Listening silent() {
    return new Listening(_ -> {}, _ -> {});
  }

  /// Keeps what a trainer killed after this epoch would have left.
  private static Listening keepAfter(int epoch, RunLayout from, RunLayout to) {
    return new Listening(
        _ -> {},
        done -> {
          if (done == epoch) {
            try {
              copy(from, to);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          }
        });
  }

  private static void copy(RunLayout from, RunLayout to) throws IOException {
    Files.copy(from.checkpoint(), to.checkpoint());
    Files.copy(from.metrics(), to.metrics());
    Files.copy(from.ledger(), to.ledger());
  }

  private static Trainer.Outcome run(
      TrainConfig config, RunLayout layout, boolean resume, TrainListener listener)
      throws Exception {
    try (LocalWorker worker = new LocalWorker();
        Trainer trainer =
            new Trainer(
                config,
                DATA,
                null,
                Workers.of(worker.party()),
                resume ? LedgerFile.read(layout.ledger()) : null)) {
      return trainer.run(layout, resume, listener, () -> false);
    }
  }

  private static List<List<Number>> metrics(RunLayout layout) throws IOException {
    return MetricsLog.readAll(layout.metrics()).stream()
        .map(m ->
            List.<Number>of(
                m.epoch(),
                m.step(),
                m.trainLoss(),
                m.trainAccuracy(),
                m.testLoss(),
                m.testAccuracy(),
                m.bytesToWorker(),
                m.bytesFromWorker()))
        .toList();
  }

  private static void assertSame(RunLayout actual, RunLayout expected) throws IOException {
    assertThat(metrics(actual)).isEqualTo(metrics(expected));
    assertThat(actual.checkpoint()).hasSameBinaryContentAs(expected.checkpoint());
  }

  @ParameterizedTest
  @CsvSource({"SHARED, energy:0.2, 3", "PER_EXAMPLE, energy:0.3, 2"})
  void a_run_killed_after_an_epoch_continues_with_a_new_worker_to_the_same_bytes(
      Decomposition decomposition, String rank, int epoch) throws Exception {
    TrainConfig config = config(decomposition, rank, NO_NOISE);
    RunLayout complete = fresh("complete");
    RunLayout killed = fresh("killed");
    assertThat(run(config, complete, false, keepAfter(epoch, complete, killed)))
        .isEqualTo(Trainer.Outcome.FINISHED);
    assertThat(metrics(killed)).hasSize(epoch);
    assertThat(run(config, killed, true, silent())).isEqualTo(Trainer.Outcome.FINISHED);
    assertSame(killed, complete);
  }

  @Test
  void a_worker_killed_in_mid_epoch_ends_the_run_and_the_checkpoint_continues_to_the_same_bytes()
      throws Exception {
    RunLayout layout = fresh("orphaned");
    ProtocolException e =
        catchThrowableOfType(ProtocolException.class, () -> runAndKillWorker(layout));
    assertThat(e.getMessage()).startsWith("the worker went away (exit code 137)").hasLineCount(1);
    assertSame(layout, afterFirst);
    run(SHARED, layout, true, silent());
    assertSame(layout, whole);
  }

  private static void runAndKillWorker(RunLayout layout) throws Exception {
    try (WorkerProcess process = LocalWorker.process(layout.directory());
        RemoteWorker remote = RemoteWorker.connect(process, LocalWorker.LIMIT);
        ReleaseDoor door = new ReleaseDoor(remote, new SecureRandom(), 2);
        Trainer trainer = new Trainer(SHARED, DATA, remote, door)) {
      // SIGKILL, and the trainer is not told.
      Listening killer =
          new Listening(
              count -> {
                if (count == STEPS + 1) {
                  ProcessHandle.of(process.pid()).orElseThrow().destroyForcibly();
                }
              },
              _ -> {});
      trainer.run(layout, false, killer, () -> false);
    }
  }

  @Test
  void a_run_stopped_in_mid_epoch_continues_with_a_new_worker_to_the_same_bytes() throws Exception {
    RunLayout stopped = fresh("stopped");
    try (LocalWorker worker = new LocalWorker();
        Trainer trainer = new Trainer(SHARED, DATA, worker.remote, worker.door)) {
      int[] steps = {0};
      Listening counting = new Listening(count -> steps[0] = count, _ -> {});
      assertThat(trainer.run(stopped, false, counting, () -> steps[0] >= STEPS + 2))
          .isEqualTo(Trainer.Outcome.STOPPED);
    }
    run(SHARED, stopped, true, silent());
    assertSame(stopped, whole);
  }

  /// The worker does in the same order what the trusted side does otherwise.
  @Test
  void a_run_whose_worker_updates_weights_gives_the_parameters_of_one_that_updates_them_here()
      throws Exception {
    RunLayout there = fresh("there");
    RunLayout one = fresh("one");
    TrainConfig config = SHARED.withUpdate(Update.WORKER);
    assertThat(run(config, there, false, keepAfter(1, there, one)))
        .isEqualTo(Trainer.Outcome.FINISHED);
    assertThat(metrics(there).stream().map(m -> m.subList(0, 6)).toList())
        .isEqualTo(metrics(whole).stream().map(m -> m.subList(0, 6)).toList());
    Map<String, float[]> expected = tensors(whole);
    Map<String, float[]> actual = tensors(there);
    assertThat(actual.keySet()).isEqualTo(expected.keySet());
    expected.forEach((name, values) -> assertThat(actual.get(name)).as(name).isEqualTo(values));
    // From the first epoch's checkpoint, with a new worker.
    assertThat(run(config, one, true, silent())).isEqualTo(Trainer.Outcome.FINISHED);
    assertThat(one.checkpoint()).hasSameBinaryContentAs(there.checkpoint());
    // And from the middle of an epoch.
    RunLayout stopped = fresh("stopped-there");
    int[] steps = {0};
    try (LocalWorker worker = new LocalWorker();
        Trainer trainer = new Trainer(config, DATA, worker.remote, worker.door)) {
      Listening counting = new Listening(count -> steps[0] = count, _ -> {});
      assertThat(trainer.run(stopped, false, counting, () -> steps[0] >= STEPS + 2))
          .isEqualTo(Trainer.Outcome.STOPPED);
    }
    assertThat(run(config, stopped, true, silent())).isEqualTo(Trainer.Outcome.FINISHED);
    assertThat(stopped.checkpoint()).hasSameBinaryContentAs(there.checkpoint());
    assertThatThrownBy(() -> run(SHARED, stopped, true, silent()))
        .isInstanceOfAny(TrainingException.class, IllegalArgumentException.class);
  }

  private static Map<String, float[]> tensors(RunLayout layout) throws IOException {
    Map<String, float[]> tensors = new TreeMap<>();
    SafeTensors.read(layout.checkpoint())
        .tensors()
        .forEach(t -> tensors.put(t.name(), t.toArray()));
    return tensors;
  }

  @Test
  void with_noise_a_resumed_run_goes_on_and_its_noise_is_new() throws Exception {
    TrainConfig config = config(Decomposition.SHARED, "1/8", new NoiseStrength.Ratio(0.5));
    RunLayout noisy = fresh("noisy");
    RunLayout first = fresh("first");
    run(config, noisy, false, keepAfter(2, noisy, first));
    RunLayout second = fresh("second");
    copy(first, second);
    run(config, first, true, silent());
    run(config, second, true, silent());
    for (RunLayout resumed : List.of(first, second)) {
      assertThat(metrics(resumed)).hasSize(EPOCHS);
      assertThat(metrics(resumed).subList(0, 2)).isEqualTo(metrics(noisy).subList(0, 2));
    }
    assertThat(List.of(loss(noisy), loss(first), loss(second))).doesNotHaveDuplicates();
  }

  private static double loss(RunLayout layout) throws IOException {
    return Objects.requireNonNull(MetricsLog.readAll(layout.metrics()).get(2).trainLoss());
  }

  @Test
  void a_run_resumed_with_another_plan_is_refused() throws Exception {
    RunLayout layout = fresh("plan");
    copy(afterFirst, layout);
    TrainConfig other = config(Decomposition.SHARED, "1/4", NO_NOISE);
    assertThatThrownBy(() -> run(other, layout, true, silent()))
        .isInstanceOf(TrainingException.class)
        .hasMessageContaining("belongs to a run with another plan");
  }

  @ParameterizedTest
  @CsvSource({"0, NaN", "1, Infinity", "4, -Infinity", "7, NaN", "20, NaN"})
  void a_worker_that_returns_what_is_not_finite_ends_the_run_with_one_line(
      int healthyResults, float value) throws Exception {
    RunLayout layout = fresh("faulty");
    Duration limit = Duration.ofMinutes(5);
    try (FaultyWorker worker = new FaultyWorker(folder, healthyResults, value);
        RemoteWorker remote = RemoteWorker.connect(worker.address(), null, limit);
        ReleaseDoor door = new ReleaseDoor(remote, new SecureRandom(), 1);
        Trainer trainer = new Trainer(SHARED, DATA, remote, door)) {
      assertThatThrownBy(() -> trainer.run(layout, false, silent(), () -> false))
          .isInstanceOf(ProtocolException.class)
          .hasMessageMatching(
              "the worker returned values that are not finite for layer (conv2|conv3|fc): .*"
                  + " the last checkpoint is intact");
    }
    assertThat(layout.checkpoint()).isNotEmptyFile();
    assertThat(MetricsLog.readAll(layout.metrics())).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 0.1})
  void a_diverging_run_ends_with_one_line_that_says_so(double noise) throws Exception {
    RunLayout layout = fresh("diverging");
    TrainConfig config =
        new TrainConfig(
            SHARED.model().text(),
            SHARED.norm(),
            SHARED.mode(),
            SHARED.decomposition(),
            SHARED.rank(),
            SHARED.trustedLayers(),
            noise == 0 ? NO_NOISE : new NoiseStrength.Ratio(noise),
            new NoiseStrength.None(),
            EPOCHS,
            16,
            new TrainConfig.Optimizer(
                1e25f, 0.9f, 5e-4f, TrainConfig.Schedule.CONSTANT, 0, List.of(), 0.1f),
            0,
            true,
            SEED,
            PrivacyConfig.NONE,
            new Shield.Residual());
    assertThatThrownBy(() -> run(config, layout, false, silent()))
        .isInstanceOfAny(TrainingException.class, ProtocolException.class)
        .hasMessageContaining("training diverged")
        .hasMessageEndingWith("the last checkpoint is intact")
        .message()
        .hasLineCount(1);
    assertThat(layout.checkpoint()).isNotEmptyFile();
  }
}
