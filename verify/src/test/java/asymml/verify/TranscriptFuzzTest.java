package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.boundary.Greeting;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
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
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.EpochAnalysis;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainListener;
import asymml.trusted.train.Trainer;
import asymml.trusted.train.TrainingException;
import asymml.untrusted.WorkerSession;
import asymml.wire.Deadline;
import asymml.wire.Encoding;
import asymml.wire.ProtocolException;
import asymml.wire.Transport;
import asymml.wire.UnixTransport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Bytes of real training runs, changed, against each of the two sides: a trainer's against a
/// worker, a worker's against a trainer. Each must end, with at most one line on what is wrong, and
/// give back all memory.
///
/// `asymml.fuzz.messages` is the number of messages of a fuzzer that computes nothing; a worker
/// gets a tenth of it here, a trainer a hundredth. `asymml.fuzz.seed` is the first seed. The seed
/// of a crash of the process is in `target/fuzz-seed`.
class TranscriptFuzzTest {
  private static final long FIRST_SEED = Long.getLong("asymml.fuzz.seed", 1);
  private static final long MESSAGES = Long.getLong("asymml.fuzz.messages", 100_000) / 10;
  private static final Path SEED_FILE = Path.of("target", "fuzz-seed");
  private static final long LIMIT_MINUTES = 5;
  private static final Duration LIMIT = Duration.ofMinutes(LIMIT_MINUTES);
  private static final long BUDGET_BYTES = 32 << 20;
  private static final int MOST_CHANGES = 4;
  private static final String ONE_LINE = "[\\x20-\\x7e]{1,1000}";
  private static final Shape SHAPE = new Shape(8, 8, 3);
  private static final ImageSet TRAIN = images(12, 1);
  private static final DataSet DATA =
      new DataSet("tiny", TRAIN, images(4, 2), Normalization.of(TRAIN), false, 0);

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

  @TempDir static Path folder;

  private static final ExecutorService THREADS =
      Executors.newCachedThreadPool(Thread.ofPlatform().daemon().name("side-", 0).factory());
  private static final List<Recording> RECORDINGS = new ArrayList<>();

  /// Both directions of a run.
  private record Recording(
      Transcript toWorker,
      Transcript fromWorker,
      long sharedBytes,
      Encoding encoding,
      Update update) {
    List<Long> requests() {
      return toWorker.parts().stream().map(Transcript.Part::sequence).distinct().toList();
    }
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

  @BeforeAll
  static void record() throws Exception {
    RECORDINGS.add(record(false, Encoding.FLOAT32, Update.TRUSTED));
    RECORDINGS.add(record(true, Encoding.FLOAT32, Update.TRUSTED));
    RECORDINGS.add(record(true, Encoding.BFLOAT16, Update.TRUSTED));
    RECORDINGS.add(record(false, Encoding.FLOAT32, Update.WORKER));
    RECORDINGS.add(record(true, Encoding.FLOAT32, Update.WORKER));
  }

  @AfterAll
  static void stop() {
    THREADS.shutdownNow();
  }

  private static Recording record(boolean streamed, Encoding encoding, Update update)
      throws Exception {
    Path socket = folder.resolve("socket");
    CompletableFuture<Boolean> listening = new CompletableFuture<>();
    Future<Long> worker =
        THREADS.submit(() -> {
          Transport trainer =
              UnixTransport.accept(socket, Deadline.in(LIMIT), () -> listening.complete(true));
          return WorkerSession.serve(new RecordedTransport(trainer, streamed), BUDGET_BYTES);
        });
    listening.get(LIMIT_MINUTES, TimeUnit.MINUTES);
    RecordedTransport transport = new RecordedTransport(UnixTransport.connect(socket), streamed);
    train(transport, encoding, update);
    assertThat(worker.get(LIMIT_MINUTES, TimeUnit.MINUTES)).isZero();
    return new Recording(
        Transcript.of(transport.written(), encoding),
        Transcript.of(transport.read(), encoding),
        transport.sharedBytes(),
        encoding,
        update);
  }

  /// Two epochs of two steps.
  private static void train(Transport transport, Encoding encoding, Update update)
      throws ProtocolException, TrainingException, IOException {
    TrainConfig config =
        new TrainConfig(
                "cnn",
                Zoo.Norm.BATCH,
                Mode.ASYMML,
                Decomposition.SHARED,
                RankPolicy.parse("1/4"),
                List.of(Plan.FIRST),
                new NoiseStrength.None(),
                new NoiseStrength.None(),
                2,
                6,
                new TrainConfig.Optimizer(
                    0.02f, 0.9f, 5e-4f, TrainConfig.Schedule.COSINE, 0, List.of(), 0.1f),
                0,
                false,
                FIRST_SEED,
                PrivacyConfig.NONE,
                new Shield.Residual())
            .withUpdate(update);
    Path directory = Files.createTempDirectory(folder, "run");
    RunLayout layout = new RunLayout(directory);
    Files.createDirectories(layout.events());
    try (RemoteWorker remote = Greeting.over(transport, LIMIT);
        ReleaseDoor door = new ReleaseDoor(remote, new SecureRandom(), 1)) {
      remote.encode(encoding);
      try (Trainer trainer = new Trainer(config, DATA, remote, door)) {
        assertThat(trainer.run(layout, false, SILENT, EpochAnalysis.NONE, () -> false))
            .isEqualTo(Trainer.Outcome.FINISHED);
      }
    } finally {
      delete(directory);
    }
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted((a, b) -> b.compareTo(a)).toList()) {
        Files.delete(file);
      }
    }
  }

  /// One side at work; it must end.
  private static void run(long seed, Callable<?> side) throws Exception {
    Files.createDirectories(SEED_FILE.getParent());
    Files.writeString(SEED_FILE, seed + "\n");
    Future<?> end = THREADS.submit(side);
    try {
      end.get(LIMIT_MINUTES, TimeUnit.MINUTES);
    } catch (ExecutionException | TimeoutException e) {
      throw new AssertionError("seed " + seed + ": rerun with -Dasymml.fuzz.seed=" + seed, e);
    }
  }

  private static Transcript mutated(Recording recording, boolean fromWorker, Random random) {
    List<Transcript> others =
        RECORDINGS.stream().flatMap(r -> Stream.of(r.toWorker, r.fromWorker)).toList();
    return (fromWorker ? recording.fromWorker : recording.toWorker)
        .mutated(random, others, random.nextInt(MOST_CHANGES + 1));
  }

  @Test
  void what_was_recorded_is_taken_again_as_it_was() throws Exception {
    for (Recording one : RECORDINGS) {
      assertThat(one.toWorker.messages()).isGreaterThan(40);
      assertThat(one.fromWorker.messages()).isGreaterThan(40);
      Random random = new Random(FIRST_SEED);
      assertThat(
              WorkerSession.serve(
                  ReplayedPeer.trainer(one.toWorker, one.sharedBytes, random), BUDGET_BYTES))
          .isZero();
      if (one.sharedBytes == 0) {
        train(
            ReplayedPeer.worker(one.fromWorker, one.requests(), 0, one.encoding, random),
            one.encoding,
            one.update);
      }
    }
  }

  @Test
  void a_worker_withstands_what_a_real_trainer_sent_with_changes() throws Exception {
    long messages = 0;
    long refused = 0;
    long sessions = 0;
    for (long seed = FIRST_SEED; messages < MESSAGES; seed++) {
      Random random = new Random(seed);
      Recording recording = RECORDINGS.get(random.nextInt(RECORDINGS.size()));
      Transcript sent = mutated(recording, false, random);
      boolean[] broke = {false};
      run(
          seed,
          () -> {
            try {
              assertThat(
                      WorkerSession.serve(
                          ReplayedPeer.trainer(sent, recording.sharedBytes, random), BUDGET_BYTES))
                  .isZero();
            } catch (ProtocolException e) {
              assertThat(e.getMessage()).matches(ONE_LINE);
              broke[0] = true;
            }
            return null;
          });
      messages += sent.messages();
      refused += broke[0] ? 1 : 0;
      sessions++;
    }
    System.out.printf(
        "fuzz: %d messages in %d sessions, %d ended by the worker, seeds from %d%n",
        messages, sessions, refused, FIRST_SEED);
    assertThat(refused).isGreaterThan(sessions / 10);
  }

  @Test
  void a_trainer_withstands_what_a_real_worker_sent_with_changes() throws Exception {
    long messages = 0;
    long blamed = 0;
    long diverged = 0;
    long sessions = 0;
    for (long seed = FIRST_SEED; messages < MESSAGES / 10; seed++) {
      Random random = new Random(seed);
      Recording recording = RECORDINGS.get(random.nextInt(RECORDINGS.size()));
      Transcript sent = mutated(recording, true, random);
      String[] end = {""};
      run(
          seed,
          () -> {
            try {
              train(
                  ReplayedPeer.worker(
                      sent,
                      recording.requests(),
                      recording.sharedBytes,
                      recording.encoding,
                      random),
                  recording.encoding,
                  recording.update);
            } catch (ProtocolException e) {
              assertThat(e.getMessage()).matches(ONE_LINE);
              end[0] = "blamed";
            } catch (TrainingException e) {
              assertThat(e.getMessage()).matches(ONE_LINE);
              end[0] = "diverged";
            }
            return null;
          });
      messages += sent.messages();
      blamed += end[0].equals("blamed") ? 1 : 0;
      diverged += end[0].equals("diverged") ? 1 : 0;
      sessions++;
    }
    System.out.printf(
        "fuzz: %d messages in %d runs, %d ended by the worker's fault, %d diverged, seeds from"
            + " %d%n",
        messages, sessions, blamed, diverged, FIRST_SEED);
    assertThat(blamed).isGreaterThan(sessions / 10);
  }
}
