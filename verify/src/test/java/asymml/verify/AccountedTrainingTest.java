package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.Ledger;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyStatement;
import asymml.privacy.Sampling;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.WorkerProcess;
import asymml.trusted.check.Verification;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.split.Workers;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.PrivacyConfig.Clip;
import asymml.trusted.train.PrivacyConfig.Drawing;
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
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Training runs that are accounted for, with a worker process of their own.
class AccountedTrainingTest {
  private static final Shape SHAPE = new Shape(16, 16, 3);
  private static final int EXAMPLES = 96;
  private static final int BATCH = 12;
  private static final int EPOCHS = 2;
  private static final int STEPS = EPOCHS * EXAMPLES / BATCH;
  private static final Delta DELTA = new Delta(1e-5);
  private static final Set<Channel> ALL =
      Set.of(Channel.RESIDUALS, Channel.GRADIENTS, Channel.WEIGHTS);
  private static final DataSet DATA = data();
  private static final ImageSet PUBLIC = images(40, 99);

  @TempDir Path folder;

  private static DataSet data() {
    ImageSet train = images(EXAMPLES, 1);
    return new DataSet("tiny", train, images(20, 2), Normalization.of(train), true, 2);
  }

  private static ImageSet images(int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] labels = new int[count];
    byte[] pixels = new byte[count * SHAPE.size()];
    for (int n = 0; n < count; n++) {
      labels[n] = n % 2;
      for (int i = 0; i < SHAPE.size(); i++) {
        int stripe = (labels[n] == 0 ? i / 3 % 16 : i / 48) / 2 % 2;
        pixels[n * SHAPE.size() + i] = (byte) (stripe * 120 + random.nextInt(100));
      }
    }
    return ImageSet.of(SHAPE, List.of("upright", "lying"), labels, pixels);
  }

  private static TrainConfig config(
      NoiseStrength noise, Decomposition decomposition, String rank, PrivacyConfig privacy) {
    return config(noise, decomposition, rank, privacy, BATCH, 0.01f);
  }

  private static TrainConfig config(
      NoiseStrength noise,
      Decomposition decomposition,
      String rank,
      PrivacyConfig privacy,
      int batchSize,
      float rate) {
    return new TrainConfig(
        "cnn",
        Zoo.Norm.GROUP,
        Mode.ASYMML,
        decomposition,
        RankPolicy.parse(rank),
        List.of(Plan.FIRST, Plan.LAST),
        noise,
        new NoiseStrength.None(),
        EPOCHS,
        batchSize,
        new TrainConfig.Optimizer(rate, 0.9f, 0, TrainConfig.Schedule.CONSTANT, 0, List.of(), 0.1f),
        0,
        true,
        5,
        privacy,
        new Shield.Residual());
  }

  private static PrivacyConfig privacy(
      Set<Channel> protect, @Nullable Double target, Drawing drawing, Basis basis) {
    return new PrivacyConfig(
        protect,
        target == null ? null : new Epsilon(target),
        DELTA,
        drawing,
        basis,
        new Clip.Public());
  }

  private static TrainConfig protectAll(double target) {
    return config(
        new NoiseStrength.None(),
        Decomposition.SHARED,
        "1/8",
        privacy(ALL, target, Drawing.POISSON, Basis.DP));
  }

  private RunLayout layout(String name) throws IOException {
    RunLayout layout = new RunLayout(folder.resolve(name));
    Files.createDirectories(layout.events());
    return layout;
  }

  /// Counts steps, from 1.
  private static final class Listening implements TrainListener {
    private final IntConsumer stepped;
    private int steps;
    private long skipped;
    private IntConsumer tested = _ -> {};

    private Listening(IntConsumer stepped) {
      this.stepped = stepped;
    }

    static Listening to(IntConsumer stepped) {
      return new Listening(stepped);
    }

    @Override
    public void stepsSkipped(long count) {
      skipped = count;
    }

    @Override
    public void epochStarted(int epoch, int batches, int firstBatch) {}

    @Override
    public void stepDone(EpochTotals totals) {
      steps++;
      stepped.accept(steps);
    }

    @Override
    public void evaluated(int done, int total) {
      tested.accept(steps);
    }

    @Override
    public void epochDone(EpochMetrics metrics) {}
  }

  private static Trainer.Outcome run(TrainConfig config, RunLayout layout) throws Exception {
    return run(config, layout, false, Listening.to(_ -> {}));
  }

  private static Trainer.Outcome run(
      TrainConfig config, RunLayout layout, boolean resume, TrainListener listener)
      throws Exception {
    try (LocalWorker worker = new LocalWorker();
        Trainer trainer =
            new Trainer(
                config,
                DATA,
                PUBLIC,
                Workers.of(worker.party()),
                resume ? LedgerFile.read(layout.ledger()) : null)) {
      return trainer.run(layout, resume, listener, () -> false);
    }
  }

  /// Every door releases what is planned, and the ledger is that of one worker: they are treated as
  /// colluding.
  @Test
  void workers_that_share_batches_are_accounted_for_as_one() throws Exception {
    TrainConfig config =
        config(
            new NoiseStrength.None(),
            Decomposition.SHARED,
            "1/8",
            privacy(ALL, 30.0, Drawing.POISSON, Basis.DP));
    RunLayout layout = layout("two");
    try (LocalWorker first = new LocalWorker();
        LocalWorker second = new LocalWorker();
        Trainer trainer =
            new Trainer(
                config,
                DATA,
                PUBLIC,
                Workers.of(first.party(), second.party()).verified(Verification.EVERY),
                null)) {
      assertThat(trainer.run(layout, false, Listening.to(_ -> {}), () -> false))
          .isEqualTo(Trainer.Outcome.FINISHED);
    }
    RunLayout one = layout("one");
    run(config, one);
    assertThat(LedgerFile.read(layout.ledger())).isEqualTo(LedgerFile.read(one.ledger()));
  }

  private static PrivacyStatement statement(RunLayout layout) throws IOException {
    return PrivacyStatement.of(LedgerFile.read(layout.ledger()), new PldAccountant());
  }

  private static void copy(RunLayout from, RunLayout to) {
    try {
      Files.copy(from.checkpoint(), to.checkpoint());
      Files.copy(from.ledger(), to.ledger());
      if (Files.exists(from.metrics())) {
        Files.copy(from.metrics(), to.metrics());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "SHARED, 1/8, POISSON, PUBLIC",
    "SHARED, 1/8, POISSON, DP",
    "PER_EXAMPLE, 2, POISSON, PUBLIC",
    "SHARED, 0, POISSON, PUBLIC",
    "SHARED, schedule:2:8, SHUFFLE, DP",
  })
  void with_every_channel_protected_the_whole_view_stays_inside_the_budget(
      Decomposition decomposition, String rank, Drawing drawing, Basis basis) throws Exception {
    RunLayout layout = layout("run");
    TrainConfig config =
        config(new NoiseStrength.None(), decomposition, rank, privacy(ALL, 30.0, drawing, basis));
    assertThat(run(config, layout)).isEqualTo(Trainer.Outcome.FINISHED);
    PrivacyStatement statement = statement(layout);
    assertThat(statement.ledger().steps()).isEqualTo(STEPS);
    assertThat(statement.view().value()).isBetween(29.5, 30.0);
    assertThat(statement.residuals().value()).isLessThan(statement.view().value());
    assertThat(MetricsLog.readAll(layout.metrics())).hasSize(EPOCHS);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void what_is_not_protected_makes_the_view_infinite(boolean gradients) throws Exception {
    RunLayout layout = layout("run");
    Set<Channel> protect =
        gradients ? Set.of(Channel.RESIDUALS, Channel.GRADIENTS) : Set.of(Channel.RESIDUALS);
    run(
        config(
            new NoiseStrength.None(),
            Decomposition.SHARED,
            "1/8",
            privacy(protect, 20.0, Drawing.SHUFFLE, Basis.PUBLIC)),
        layout);
    PrivacyStatement statement = statement(layout);
    assertThat(statement.residuals().isFinite()).isTrue();
    assertThat(statement.view().isFinite()).isFalse();
    assertThat(statement.lines().getLast())
        .contains(
            gradients
                ? List.of("infinite", "weights")
                : List.of("infinite", "gradients", "weights"));
  }

  /// The files after a SIGKILL: checkpoint of the epoch before, ledger ahead of the steps done.
  @ParameterizedTest
  @CsvSource({"3", "11"})
  void a_run_killed_in_mid_epoch_and_resumed_has_cost_what_an_uninterrupted_one_costs(int step)
      throws Exception {
    RunLayout whole = layout("whole");
    RunLayout killed = layout("killed");
    TrainConfig config = protectAll(30);
    run(
        config,
        whole,
        false,
        Listening.to(done -> {
          if (done == step) {
            copy(whole, killed);
          }
        }));
    assertThat(LedgerFile.read(killed.ledger()).steps()).isBetween((long) step, (long) STEPS);
    int[] redone = new int[1];
    assertThat(run(config, killed, true, Listening.to(_ -> redone[0]++)))
        .isEqualTo(Trainer.Outcome.FINISHED);
    assertThat(redone[0]).isLessThanOrEqualTo(STEPS - step);
    assertThat(LedgerFile.read(killed.ledger())).isEqualTo(LedgerFile.read(whole.ledger()));
    assertThat(statement(killed).view()).isEqualTo(statement(whole).view());
    assertThat(MetricsLog.readAll(killed.metrics())).hasSize(EPOCHS);
  }

  @Test
  void a_run_killed_while_it_evaluates_an_epoch_loses_no_step() throws Exception {
    RunLayout whole = layout("whole");
    RunLayout killed = layout("killed");
    TrainConfig config = protectAll(30);
    Listening first = Listening.to(_ -> {});
    first.tested =
        steps -> {
          if (steps == STEPS / EPOCHS && !Files.exists(killed.checkpoint())) {
            copy(whole, killed);
          }
        };
    run(config, whole, false, first);
    Listening second = Listening.to(_ -> {});
    assertThat(run(config, killed, true, second)).isEqualTo(Trainer.Outcome.FINISHED);
    assertThat(second.steps).isEqualTo(STEPS - STEPS / EPOCHS);
    assertThat(second.skipped).isZero();
    assertThat(LedgerFile.read(killed.ledger())).isEqualTo(LedgerFile.read(whole.ledger()));
    assertThat(MetricsLog.readAll(killed.metrics()).getFirst().trainLoss())
        .isEqualTo(MetricsLog.readAll(whole.metrics()).getFirst().trainLoss());
  }

  /// The weights after an epoch's only step are finite, and what they make of images is not.
  @Test
  void a_network_that_diverges_when_it_is_tested_takes_no_checkpoint_s_place() throws Exception {
    RunLayout layout = layout("run");
    TrainConfig config =
        config(
            new NoiseStrength.None(),
            Decomposition.SHARED,
            "1/8",
            privacy(ALL, 30.0, Drawing.SHUFFLE, Basis.PUBLIC),
            EXAMPLES,
            1e30f);
    byte[][] first = new byte[1][];
    Listening listening =
        Listening.to(_ -> {
          try {
            first[0] = Files.readAllBytes(layout.checkpoint());
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
    assertThatThrownBy(() -> run(config, layout, false, listening))
        .isInstanceOf(TrainingException.class)
        .hasMessageContaining("outputs on the test images are no longer finite");
    assertThat(layout.checkpoint()).hasBinaryContent(first[0]);
    try (Stream<Path> files = Files.list(layout.directory())) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .noneMatch(name -> name.contains("tested"));
    }
  }

  /// One step is lost, the one that it was at.
  @Test
  void when_its_worker_goes_away_a_run_keeps_the_steps_that_are_done() throws Exception {
    RunLayout layout = layout("run");
    TrainConfig config = protectAll(30);
    try (WorkerProcess process = LocalWorker.process(folder);
        RemoteWorker remote = RemoteWorker.connect(process, LocalWorker.LIMIT);
        ReleaseDoor door = new ReleaseDoor(remote, new SecureRandom(), 2);
        Trainer trainer = new Trainer(config, DATA, PUBLIC, Workers.one(remote, door), null)) {
      Listening listening =
          Listening.to(done -> {
            if (done == 5) {
              ProcessHandle.of(process.pid()).orElseThrow().destroyForcibly();
            }
          });
      assertThatThrownBy(() -> trainer.run(layout, false, listening, () -> false))
          .isInstanceOf(ProtocolException.class);
    }
    Listening second = Listening.to(_ -> {});
    assertThat(run(config, layout, true, second)).isEqualTo(Trainer.Outcome.FINISHED);
    assertThat(second.skipped).isEqualTo(1);
    assertThat(second.steps).isEqualTo(STEPS - 6);
    EpochMetrics epoch = MetricsLog.readAll(layout.metrics()).getFirst();
    assertThat(epoch.trainLoss()).isPositive();
  }

  @Test
  void a_ledger_that_is_behind_its_checkpoint_is_refused() throws Exception {
    RunLayout layout = layout("run");
    TrainConfig config =
        config(
            new NoiseStrength.None(),
            Decomposition.SHARED,
            "1/8",
            privacy(ALL, 30.0, Drawing.POISSON, Basis.PUBLIC));
    run(config, layout);
    Ledger full = LedgerFile.read(layout.ledger());
    LedgerFile.write(
        layout.ledger(),
        new Ledger(
            full.sampling(),
            full.delta(),
            full.entries().stream()
                .map(e -> new Ledger.Entry(e.releases(), e.steps() / 2))
                .toList()));
    assertThatThrownBy(() -> run(config, layout, true, Listening.to(_ -> {})))
        .isInstanceOf(TrainingException.class)
        .hasMessageContaining("ledger is behind the checkpoint");
  }

  /// In the first epoch and in the last one.
  @ParameterizedTest
  @ValueSource(doubles = {14, 18})
  void training_ends_at_the_last_step_inside_the_budget_and_does_not_go_on(double target)
      throws Exception {
    RunLayout layout = layout("run");
    RunLayout killed = layout("killed");
    TrainConfig config =
        config(
            new NoiseStrength.Multiplier(1.5),
            Decomposition.SHARED,
            "1/8",
            privacy(ALL, target, Drawing.POISSON, Basis.PUBLIC));
    assertThat(
            run(
                config,
                layout,
                false,
                Listening.to(done -> {
                  if (done == 3) {
                    copy(layout, killed);
                  }
                })))
        .isEqualTo(Trainer.Outcome.BUDGET_SPENT);
    PrivacyStatement statement = statement(layout);
    long steps = statement.ledger().steps();
    assertThat(steps).isBetween(4L, STEPS - 1L);
    assertThat(steps > EXAMPLES / BATCH).isEqualTo(target == 18);
    assertThat(statement.view().value()).isLessThanOrEqualTo(target);
    assertThat(withSteps(statement.ledger(), steps + 1).view().value()).isGreaterThan(target);
    assertThat(
            run(
                config,
                layout,
                true,
                Listening.to(_ -> {
                  throw new AssertionError("a step beyond the budget");
                })))
        .isEqualTo(Trainer.Outcome.BUDGET_SPENT);
    assertThat(LedgerFile.read(layout.ledger()).steps()).isEqualTo(steps);

    assertThat(run(config, killed, true, Listening.to(_ -> {})))
        .isEqualTo(Trainer.Outcome.BUDGET_SPENT);
    assertThat(LedgerFile.read(killed.ledger())).isEqualTo(LedgerFile.read(layout.ledger()));
    assertThat(MetricsLog.readAll(killed.metrics()))
        .hasSameSizeAs(MetricsLog.readAll(layout.metrics()));
  }

  private static PrivacyStatement withSteps(Ledger ledger, long steps) {
    List<Ledger.Entry> entries =
        List.of(new Ledger.Entry(ledger.entries().getFirst().releases(), steps));
    return PrivacyStatement.of(
        new Ledger(ledger.sampling(), ledger.delta(), entries), new PldAccountant());
  }

  @Test
  void a_ledger_of_another_plan_is_refused() throws Exception {
    RunLayout layout = layout("run");
    run(protectAll(30), layout);
    Ledger own = LedgerFile.read(layout.ledger());
    List<Ledger.Entry> fewer =
        own.entries().stream()
            .map(e -> new Ledger.Entry(e.releases().subList(0, e.releases().size() - 1), e.steps()))
            .toList();
    LedgerFile.write(layout.ledger(), new Ledger(own.sampling(), own.delta(), fewer));
    assertThatThrownBy(() -> run(protectAll(30), layout, true, Listening.to(_ -> {})))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("does not say what this run releases");
    LedgerFile.write(
        layout.ledger(),
        new Ledger(new Sampling.Poisson(EXAMPLES, BATCH, EXAMPLES), own.delta(), own.entries()));
    assertThatThrownBy(() -> run(protectAll(30), layout, true, Listening.to(_ -> {})))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("does not say what this run releases");
  }

  @Test
  void a_budget_that_buys_no_step_is_refused() {
    TrainConfig config =
        config(
            new NoiseStrength.Multiplier(0.01),
            Decomposition.SHARED,
            "1/8",
            privacy(ALL, 1.0, Drawing.POISSON, Basis.PUBLIC));
    assertThatThrownBy(() -> run(config, layout("run")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("does not buy a single step");
  }

  @Test
  void a_run_that_is_not_accounted_for_claims_nothing_and_counts_repeated_steps() throws Exception {
    RunLayout layout = layout("run");
    RunLayout killed = layout("killed");
    TrainConfig config =
        config(new NoiseStrength.Ratio(0.1), Decomposition.SHARED, "1/8", PrivacyConfig.NONE);
    run(
        config,
        layout,
        false,
        Listening.to(done -> {
          if (done == 11) {
            copy(layout, killed);
          }
        }));
    assertThat(statement(layout).residuals().isFinite()).isFalse();
    assertThat(statement(layout).view().isFinite()).isFalse();
    assertThat(LedgerFile.read(layout.ledger()).sampling())
        .isEqualTo(new Sampling.Shuffled(EXAMPLES, BATCH));
    run(config, killed, true, Listening.to(_ -> {}));
    assertThat(LedgerFile.read(killed.ledger()).steps()).isGreaterThan(STEPS);
  }

  @Test
  void what_breaks_the_guarantee_is_refused_before_anything_leaves() throws Exception {
    try (LocalWorker worker = new LocalWorker()) {
      TrainConfig config =
          config(
              new NoiseStrength.None(),
              Decomposition.SHARED,
              "energy:0.1",
              new PrivacyConfig(ALL, null, DELTA, Drawing.POISSON, Basis.BATCH, new Clip.Median()));
      assertThatThrownBy(
              () -> new Trainer(config, DATA, PUBLIC, Workers.of(worker.party()), null).close())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll(
              "there is no noise",
              "shared bases are fitted to private batches",
              "the rank follows private data",
              "the clip bound follows private data")
          .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
      assertThat(worker.remote.bytesToWorker()).isZero();
    }
  }

  @Test
  void one_private_image_among_the_public_ones_is_refused_before_anything_is_released()
      throws Exception {
    byte[] image = new byte[SHAPE.size()];
    for (ImageSet own : List.of(DATA.train(), DATA.test())) {
      own.pixels(own.size() - 1, image);
      byte[] pixels = new byte[3 * SHAPE.size()];
      System.arraycopy(image, 0, pixels, SHAPE.size(), image.length);
      ImageSet laundered = ImageSet.of(SHAPE, List.of("any"), new int[3], pixels);
      try (LocalWorker worker = new LocalWorker()) {
        assertThatThrownBy(() ->
                new Trainer(protectAll(8), DATA, laundered, Workers.of(worker.party()), null)
                    .close())
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("1 of the 3 public images are training or test images")
            .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
        assertThat(worker.remote.bytesToWorker()).isZero();
      }
    }
  }
}
