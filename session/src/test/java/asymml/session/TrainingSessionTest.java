package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Epsilon;
import asymml.privacy.Ledger;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Shield;
import asymml.trusted.rank.RankReport;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.Trainer.Outcome;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Real runs on a few drawn images, with real worker processes where one is needed.
class TrainingSessionTest {
  private static final TrainingSpec FEW =
      TrainingSpec.defaults().withLimits(32, 16).withBatchSize(16).withEpochs(2).withThreads(1);
  private static final TrainingSpec TRUSTED = FEW.withMode(Mode.TRUSTED_ONLY);

  private static DataSet data;

  @TempDir Path folder;

  @BeforeAll
  static void draw() throws DataException {
    data = FEW.data().open(FEW.training().seed(), (_, _, _) -> {});
  }

  private static ResolvedRun resolved(TrainingSpec spec) {
    return ResolvedRun.of(spec, data, null);
  }

  /// Notes what it hears.
  private static final class Heard implements SessionListener {
    private final List<String> calls = new ArrayList<>();
    private final AtomicInteger steps = new AtomicInteger();

    @Override
    public void workersConnected(List<String> workers, RunLayout layout) {
      calls.add("workers " + workers.size());
    }

    @Override
    public void forecast(Ledger ledger) {
      calls.add("forecast " + ledger.steps());
    }

    @Override
    public void ranksAnalysed(RankReport report, String model, RunLayout layout) {
      calls.add("ranks " + report.epoch());
    }

    @Override
    public void stepDone(EpochTotals totals) {
      steps.incrementAndGet();
    }

    @Override
    public void epochDone(EpochMetrics metrics) {
      calls.add("epoch " + metrics.epoch());
    }
  }

  @Test
  void a_run_without_workers_trains_to_its_end_and_says_that_nothing_was_released()
      throws Exception {
    Heard heard = new Heard();
    Path directory = folder.resolve("run");
    try (TrainingSession session = TrainingSession.create(resolved(TRUSTED), directory)) {
      TrainingResult result =
          session.listener(heard).arguments(List.of("from", "a", "test")).train();
      assertThat(result.outcome()).isEqualTo(Outcome.FINISHED);
      assertThat(result.epochs()).extracting(EpochMetrics::epoch).containsExactly(1, 2);
      assertThat(result.testAccuracy()).isEqualTo(result.lastEpoch().testAccuracy());
      assertThat(result.statement()).isNull();
      assertThat(result.privacy()).singleElement().asString().contains("nothing is released");
    }
    assertThat(heard.calls).containsExactly("workers 0", "epoch 1", "epoch 2");
    assertThat(heard.steps).hasValue(4);
    Map<String, Object> record = RunFile.read(new RunLayout(directory).runFile());
    assertThat(record).containsEntry("outcome", "finished").containsEntry("epochsDone", 2);
    assertThat(record.get("config")).asString().contains("mode=trusted-only");
    assertThat(record.get("provenance")).asString().contains("[from, a, test]");
    assertThat(Settings.read(new RunLayout(directory).config()).spec()).isEqualTo(TRUSTED);
  }

  @Test
  void a_full_disk_is_the_failure_that_is_told_and_the_checkpoint_stays() throws Exception {
    Path directory = folder.resolve("full");
    RunLayout layout = new RunLayout(directory);
    Heard heard = new Heard();
    try (TrainingSession session = TrainingSession.create(resolved(TRUSTED), directory)) {
      session
          .listener(heard)
          .stopWhen(() -> {
            if (heard.steps.get() == 3) {
              // Neither checkpoint nor record can be written any more.
              blockWritesOf(layout.checkpoint());
              blockWritesOf(layout.runFile());
            }
            return false;
          });
      assertThatThrownBy(session::train)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("cannot write " + layout.checkpoint())
          .satisfies(e -> assertThat(e.getSuppressed()).isNotEmpty());
      try (TrainedRun saved = session.trained()) {
        assertThat(saved.model().epoch()).isEqualTo(1);
      }
      assertThat(MetricsLog.readAll(layout.metrics())).hasSize(2);
    }
  }

  /// A directory with a file stands where the new bytes would go.
  private static void blockWritesOf(Path file) {
    try {
      Files.createDirectories(file.resolveSibling(file.getFileName() + ".tmp/in-the-way"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void a_stopped_run_is_resumed_to_the_result_of_one_that_was_not() throws Exception {
    Path whole = folder.resolve("whole");
    Path parts = folder.resolve("parts");
    TrainingResult expected;
    try (TrainingSession session = TrainingSession.create(resolved(TRUSTED), whole)) {
      expected = session.train();
    }
    Heard heard = new Heard();
    try (TrainingSession session = TrainingSession.create(resolved(TRUSTED), parts)) {
      TrainingResult stopped =
          session.listener(heard).stopWhen(() -> heard.steps.get() >= 3).train();
      assertThat(stopped.outcome()).isEqualTo(Outcome.STOPPED);
      assertThat(stopped.epochs()).hasSize(1);
    }
    assertThat(RunFile.read(new RunLayout(parts).runFile())).containsEntry("outcome", "stopped");
    try (TrainingSession session = TrainingSession.resume(resolved(TRUSTED), parts)) {
      TrainingResult resumed = session.train();
      assertThat(resumed.outcome()).isEqualTo(Outcome.FINISHED);
      assertThat(resumed.lastEpoch().trainLoss()).isEqualTo(expected.lastEpoch().trainLoss());
      assertThat(resumed.lastEpoch().testLoss()).isEqualTo(expected.lastEpoch().testLoss());
    }
  }

  @Test
  void a_resumed_run_computes_what_it_was_begun_with_or_nothing() throws Exception {
    Path directory = folder.resolve("run");
    TrainingSpec brief = TRUSTED.withEpochs(1);
    try (TrainingSession session = TrainingSession.create(resolved(brief), directory)) {
      session.train();
    }
    TrainingSpec other = brief.withBatchSize(brief.training().batchSize() + 1);
    assertThatThrownBy(() -> TrainingSession.resume(resolved(other), directory))
        .isInstanceOfSatisfying(
            InvalidSpecException.class,
            e ->
                assertThat(e.findings().getFirst().kind())
                    .isEqualTo(Finding.Kind.CHANGED_ON_RESUME));
    // The refusal gives the directory free again.
    TrainingSession.resume(resolved(brief), directory).close();
  }

  @Test
  void a_run_that_is_done_goes_on_to_more_epochs_as_one_that_had_them_from_the_start()
      throws Exception {
    TrainConfig.Optimizer cosine = TRUSTED.training().optimizer();
    TrainingSpec constant =
        TRUSTED.withOptimizer(
            new TrainConfig.Optimizer(
                cosine.learningRate(),
                cosine.momentum(),
                cosine.weightDecay(),
                TrainConfig.Schedule.CONSTANT,
                cosine.warmUpEpochs(),
                cosine.milestones(),
                cosine.factor()));
    Path whole = folder.resolve("whole");
    Path parts = folder.resolve("parts");
    TrainingResult expected;
    try (TrainingSession session = TrainingSession.create(resolved(constant), whole)) {
      expected = session.train();
    }
    try (TrainingSession session =
        TrainingSession.create(resolved(constant.withEpochs(1)), parts)) {
      assertThat(session.train().outcome()).isEqualTo(Outcome.FINISHED);
    }
    try (TrainingSession session = TrainingSession.resume(resolved(constant), parts)) {
      TrainingResult longer = session.train();
      assertThat(longer.epochs()).hasSameSizeAs(expected.epochs());
      assertThat(longer.lastEpoch().trainLoss()).isEqualTo(expected.lastEpoch().trainLoss());
      assertThat(longer.lastEpoch().testLoss()).isEqualTo(expected.lastEpoch().testLoss());
    }
    // The directory has the new number: it can be resumed without saying it again, and not with
    // fewer.
    TrainingSession.resume(resolved(constant), parts).close();
    assertThatThrownBy(() -> TrainingSession.resume(resolved(constant.withEpochs(1)), parts))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining("epochs was 2 and is 1");
  }

  @Test
  void a_directory_belongs_to_one_session_and_holds_one_run() throws Exception {
    Path directory = folder.resolve("run");
    TrainingSpec brief = TRUSTED.withEpochs(1);
    try (TrainingSession session = TrainingSession.create(resolved(brief), directory)) {
      assertThatThrownBy(() -> TrainingSession.create(resolved(brief), directory))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("in use");
      session.train();
    }
    assertThatThrownBy(() -> TrainingSession.create(resolved(brief), directory))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("already holds a run");
    assertThatThrownBy(() -> TrainingSession.resume(resolved(brief), folder.resolve("none")))
        .isInstanceOf(IOException.class);
  }

  @Test
  void a_run_of_its_own_is_named_by_model_and_mode() throws Exception {
    try (TrainingSession session = TrainingSession.createUnder(resolved(TRUSTED), folder)) {
      assertThat(session.layout().directory().getFileName().toString())
          .matches("\\d{8}-\\d{6}-cnn-trusted-only");
    }
  }

  @Test
  void a_run_with_a_worker_process_states_what_it_releases() throws Exception {
    Heard heard = new Heard();
    Path directory = folder.resolve("run");
    try (TrainingSession session =
        TrainingSession.create(resolved(FEW.withRankAnalysisEvery(2)), directory)) {
      TrainingResult result = session.listener(heard).train();
      assertThat(result.privacy())
          .isEqualTo(Objects.requireNonNull(result.statement()).lines())
          .isNotEmpty();
      assertThat(result.layout().workerLog(0)).exists();
    }
    assertThat(heard.calls)
        .containsExactly("workers 1", "forecast 4", "epoch 1", "epoch 2", "ranks 2");
    assertThat(new RunLayout(directory).ledger()).exists();
    assertThat(new RunLayout(directory).rank()).exists();
  }

  @Test
  void masks_are_held_by_two_processes() throws Exception {
    TrainingSpec masked =
        FEW.withNorm(Zoo.Norm.GROUP).withShield(new Shield.Shares(1)).withEpochs(1);
    RunLayout layout = new RunLayout(Files.createDirectories(folder.resolve("run")));
    try (WorkerPool pool = WorkerPool.open(masked, layout)) {
      assertThat(pool.describe()).hasSize(2);
      assertThat(pool.describe().get(0)).contains("UNTRUSTED, masked values");
      assertThat(pool.describe().get(1)).contains("UNTRUSTED, masks only");
      assertThat(pool.parties().all()).hasSize(2);
    }
  }

  @Test
  void a_pool_that_is_closed_or_of_a_run_without_workers_has_no_parties() throws Exception {
    WorkerPool pool = WorkerPool.open(TRUSTED, new RunLayout(folder));
    assertThat(pool.describe()).isEmpty();
    assertThatThrownBy(pool::parties).isInstanceOf(IllegalStateException.class);
    pool.close();
    pool.close();
  }

  @Test
  void a_worker_that_is_not_there_leaves_the_directory_for_the_next_attempt() throws Exception {
    Path directory = folder.resolve("run");
    TrainingSpec remote =
        FEW.withWorkers(WorkerSpec.of(WorkerChoice.parse("unix:" + folder.resolve("w.sock"))));
    for (int attempt = 1; attempt <= 2; attempt++) {
      try (TrainingSession session = TrainingSession.create(resolved(remote), directory)) {
        assertThatThrownBy(session::train)
            .isInstanceOf(IOException.class)
            .hasMessageContaining("w.sock");
      }
      assertThat(new RunLayout(directory).runFile()).doesNotExist();
    }
  }

  @Test
  void a_trained_run_is_read_evaluated_and_asked() throws Exception {
    Path directory = folder.resolve("run");
    try (TrainingSession session = TrainingSession.create(resolved(TRUSTED), directory)) {
      TrainingResult result = session.train();
      try (TrainedRun run = session.trained()) {
        assertThat(run.spec()).isEqualTo(TRUSTED);
        assertThat(run.epochs()).isEqualTo(result.epochs());
        assertThat(run.statement()).isNull();
        assertThat(run.evaluate(data.test(), 5).accuracy()).isEqualTo(result.testAccuracy());
        byte[] pixels = new byte[data.test().shape().size()];
        data.test().pixels(0, pixels);
        List<TrainedRun.Prediction> predictions = run.predict(pixels);
        assertThat(predictions)
            .extracting(TrainedRun.Prediction::className)
            .containsExactlyInAnyOrderElementsOf(data.test().classNames());
        assertThat(predictions)
            .isSortedAccordingTo((a, b) -> Double.compare(b.probability(), a.probability()));
        assertThat(predictions.stream().mapToDouble(TrainedRun.Prediction::probability).sum())
            .isCloseTo(1, org.assertj.core.data.Offset.offset(1e-9));
      }
    }
  }

  @Test
  void what_breaks_the_guarantee_is_found_before_anything_is_created() {
    TrainingSpec unsound = FEW.withProtection(new Epsilon(8), Channel.WEIGHTS);
    assertThatThrownBy(() -> ResolvedRun.of(unsound, data, data.test()))
        .isInstanceOfSatisfying(
            InvalidSpecException.class,
            e ->
                assertThat(e.findings())
                    .extracting(Finding::kind)
                    .containsExactly(Finding.Kind.MIXED_EXAMPLES));
    assertThatThrownBy(() -> ResolvedRun.of(unsound.withNorm(Zoo.Norm.GROUP), data, null))
        .isInstanceOfSatisfying(
            InvalidSpecException.class,
            e ->
                assertThat(e.findings())
                    .extracting(Finding::kind)
                    .containsExactly(Finding.Kind.NO_PUBLIC_IMAGES));
  }

  @Test
  void the_private_images_are_no_public_ones() {
    TrainingSpec spec =
        FEW.withNorm(Zoo.Norm.GROUP)
            .withProtection(new Epsilon(8), Channel.WEIGHTS)
            .withData(DataSpec.of("generated").withPublicSource("generated:1"));
    assertThatThrownBy(() -> ResolvedRun.open(spec, (_, _, _) -> {}))
        .isInstanceOfSatisfying(
            InvalidSpecException.class,
            e ->
                assertThat(e.findings().getFirst().kind())
                    .isEqualTo(Finding.Kind.PUBLIC_DATA_PRIVATE));
  }

  @Test
  void public_images_are_compared_with_the_private_ones_pixel_by_pixel() {
    TrainingSpec spec =
        FEW.withNorm(Zoo.Norm.GROUP)
            .withProtection(new Epsilon(8), Channel.WEIGHTS)
            .withData(DataSpec.of("here").withPublicSource("elsewhere"));
    assertThatThrownBy(() -> ResolvedRun.of(spec, data, data.test()))
        .isInstanceOfSatisfying(
            InvalidSpecException.class,
            e ->
                assertThat(e.findings())
                    .extracting(Finding::kind, Finding::setting)
                    .containsExactly(tuple(Finding.Kind.PUBLIC_DATA_PRIVATE, "public-data")))
        .hasMessageContaining("16 images of 16");
  }

  @Test
  void a_layer_that_is_not_there_is_a_misfit() {
    assertThatThrownBy(() -> resolved(FEW.withTrustedLayers(List.of("conv9"))))
        .isInstanceOfSatisfying(
            InvalidSpecException.class,
            e -> assertThat(e.findings().getFirst().kind()).isEqualTo(Finding.Kind.MISFIT))
        .hasMessageContaining("'conv9' is no linear layer of cnn");
  }

  @Test
  void a_resolved_run_describes_itself() {
    ResolvedRun run = resolved(FEW);
    assertThat(run.describeData()).contains("32 training and 16 test images", "10 classes");
    assertThat(run.needsWorker()).isTrue();
    assertThat(run.plan().layers()).hasSize(run.graph().linearLayers().size());
    assertThat(run.normalization()).isEqualTo(data.normalization());
    assertThat(resolved(TRUSTED).needsWorker()).isFalse();
    assertThat(resolved(TRUSTED).publicImages()).isNull();
  }

  @Test
  void images_that_do_not_fit_the_model_are_refused() throws Exception {
    Path directory = folder.resolve("run");
    try (TrainingSession session =
        TrainingSession.create(resolved(TRUSTED.withEpochs(1)), directory)) {
      session.train();
    }
    Path other = folder.resolve("other");
    for (String split : List.of("train/a", "train/b", "test/a", "test/b")) {
      Path classFolder = Files.createDirectories(other.resolve(split));
      javax.imageio.ImageIO.write(
          new java.awt.image.BufferedImage(8, 8, java.awt.image.BufferedImage.TYPE_INT_RGB),
          "png",
          classFolder.resolve("0.png").toFile());
    }
    try (TrainedRun run = TrainedRun.open(directory)) {
      assertThatThrownBy(() -> run.open(DataSpec.of(other.toString()), (_, _, _) -> {}))
          .isInstanceOf(DataException.class)
          .hasMessageContaining("does not fit the model");
    }
  }
}
