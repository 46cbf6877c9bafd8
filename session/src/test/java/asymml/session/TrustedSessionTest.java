package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.rank.RankReport;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.Trainer.Outcome;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Sessions without workers on images that train in milliseconds: 24 images in 3 batches an epoch.
class TrustedSessionTest {
  private static final TrainingSpec SPEC =
      TrainingSpec.defaults()
          .withMode(Mode.TRUSTED_ONLY)
          .withBatchSize(8)
          .withEpochs(3)
          .withThreads(1);
  private static final DataSet DATA = TinyImages.data();

  @TempDir Path folder;

  private static ResolvedRun run(TrainingSpec spec) {
    return ResolvedRun.of(spec, DATA, null);
  }

  private TrainingResult train(TrainingSpec spec, String name) throws Exception {
    try (TrainingSession session = TrainingSession.create(run(spec), folder.resolve(name))) {
      return session.train();
    }
  }

  /// Notes every call, and fails where it is told to.
  private static final class Heard implements SessionListener {
    private final List<String> calls = new ArrayList<>();
    private String failAt = "";

    private void heard(String call) {
      calls.add(call);
      if (call.equals(failAt)) {
        throw new IllegalStateException("the listener fails");
      }
    }

    @Override
    public void workersConnected(List<String> workers, RunLayout layout) {
      heard("workers");
    }

    @Override
    public void epochStarted(int epoch, int batches, int firstBatch) {
      heard("epoch %d: %d batches from %d".formatted(epoch, batches, firstBatch));
    }

    @Override
    public void stepDone(EpochTotals totals) {
      heard("step %d, %d images".formatted(totals.batches(), totals.images()));
    }

    @Override
    public void evaluated(int done, int total) {
      heard("evaluated %d of %d".formatted(done, total));
    }

    @Override
    public void ranksAnalysed(RankReport report, String model, RunLayout layout) {
      heard("ranks %d of %s".formatted(report.epoch(), model));
    }

    @Override
    public void epochDone(EpochMetrics metrics) {
      heard("done %d".formatted(metrics.epoch()));
    }
  }

  /// What of metrics does not depend on the machine's speed.
  private static List<Object> computed(EpochMetrics m) {
    return java.util.Arrays.asList(
        m.epoch(), m.step(), m.trainLoss(), m.trainAccuracy(), m.testLoss(), m.testAccuracy());
  }

  private static List<List<Object>> computed(TrainingResult result) {
    return result.epochs().stream().map(TrustedSessionTest::computed).toList();
  }

  @Test
  void a_listener_hears_every_step_in_its_order() throws Exception {
    Heard heard = new Heard();
    try (TrainingSession session =
        TrainingSession.create(run(SPEC.withEpochs(2)), folder.resolve("run"))) {
      session.listener(heard).train();
    }
    List<String> expected = new ArrayList<>(List.of("workers"));
    for (int epoch = 1; epoch <= 2; epoch++) {
      expected.add("epoch " + epoch + ": 3 batches from 0");
      expected.addAll(List.of("step 1, 8 images", "step 2, 16 images", "step 3, 24 images"));
      expected.addAll(List.of("evaluated 8 of 10", "evaluated 10 of 10", "done " + epoch));
    }
    assertThat(heard.calls).containsExactlyElementsOf(expected);
  }

  @Test
  void the_same_seed_gives_the_same_run_and_another_another() throws Exception {
    TrainingResult first = train(SPEC, "first");
    assertThat(computed(train(SPEC, "again"))).isEqualTo(computed(first));
    assertThat(computed(train(SPEC.withSeed(2), "other"))).isNotEqualTo(computed(first));
    assertThat(Files.readAllBytes(new RunLayout(folder.resolve("again")).checkpoint()))
        .isEqualTo(Files.readAllBytes(new RunLayout(folder.resolve("first")).checkpoint()));
  }

  @Test
  void a_network_learns_to_tell_bright_from_dark() throws Exception {
    assertThat(train(SPEC.withEpochs(5), "run").testAccuracy()).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 6, 8})
  void a_run_stopped_after_any_step_is_resumed_to_the_same_result(int steps) throws Exception {
    TrainingResult whole = train(SPEC, "whole");
    Path parts = folder.resolve("parts");
    int[] done = {0};
    SessionListener counting =
        new SessionListener() {
          @Override
          public void stepDone(EpochTotals totals) {
            done[0]++;
          }
        };
    try (TrainingSession session = TrainingSession.create(run(SPEC), parts)) {
      TrainingResult stopped = session.listener(counting).stopWhen(() -> done[0] >= steps).train();
      assertThat(stopped.outcome()).isEqualTo(Outcome.STOPPED);
      assertThat(done[0]).isEqualTo(steps);
      assertThat(stopped.epochs()).hasSize(steps / 3);
    }
    assertThat(RunFile.read(new RunLayout(parts).runFile()))
        .containsEntry("outcome", "stopped")
        .containsEntry("epochsDone", steps / 3);
    try (TrainingSession session = TrainingSession.resume(run(SPEC), parts)) {
      TrainingResult resumed = session.listener(counting).train();
      assertThat(resumed.outcome()).isEqualTo(Outcome.FINISHED);
      assertThat(computed(resumed)).isEqualTo(computed(whole));
    }
    assertThat(done[0]).isEqualTo(9);
    assertThat(Files.readAllBytes(new RunLayout(parts).checkpoint()))
        .isEqualTo(Files.readAllBytes(new RunLayout(folder.resolve("whole")).checkpoint()));
  }

  @Test
  void a_run_without_a_whole_epoch_has_no_last_one() throws Exception {
    try (TrainingSession session = TrainingSession.create(run(SPEC), folder.resolve("run"))) {
      TrainingResult result = session.stopWhen(() -> true).train();
      assertThat(result.epochs()).isEmpty();
      assertThatThrownBy(result::lastEpoch).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(result::testAccuracy).isInstanceOf(IllegalStateException.class);
      assertThat(RunFile.read(result.layout().runFile()))
          .containsEntry("epochsDone", 0)
          .doesNotContainKey("lastEpoch");
      try (TrainedRun trained = session.trained()) {
        assertThat(trained.model().step()).isEqualTo(1);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"step 2, 16 images", "evaluated 10 of 10", "done 1"})
  void what_a_listener_throws_ends_the_session_and_gives_the_directory_free(String where)
      throws Exception {
    Path directory = folder.resolve("run");
    Heard failing = new Heard();
    failing.failAt = where;
    try (TrainingSession session = TrainingSession.create(run(SPEC), directory)) {
      assertThatThrownBy(() -> session.listener(failing).train())
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("the listener fails");
    }
    assertThat(failing.calls).last().isEqualTo(where);
    // The lock is free: what is refused now, if anything, is what the directory holds.
    assertThatThrownBy(() -> TrainingSession.create(run(SPEC), directory))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("already holds a run");
  }

  @Test
  void a_run_that_diverges_says_so_and_is_recorded_as_failed() throws Exception {
    TrainConfig.Optimizer hot = SPEC.training().optimizer().withLearningRate(1e30f);
    Path directory = folder.resolve("run");
    try (TrainingSession session =
        TrainingSession.create(run(SPEC.withOptimizer(hot)), directory)) {
      TrainingException e =
          org.assertj.core.api.Assertions.catchThrowableOfType(
              TrainingException.class, session::train);
      assertThat(e).isNotNull().hasMessageContaining("diverged");
      assertThat(RunFile.read(session.layout().runFile()))
          .containsEntry("outcome", "failed: " + e.getMessage());
    }
  }

  @Test
  void a_finished_run_resumed_stays_as_it_is() throws Exception {
    TrainingResult first = train(SPEC, "run");
    Heard heard = new Heard();
    try (TrainingSession session = TrainingSession.resume(run(SPEC), folder.resolve("run"))) {
      TrainingResult again = session.listener(heard).train();
      assertThat(again.outcome()).isEqualTo(Outcome.FINISHED);
      assertThat(again.epochs()).isEqualTo(first.epochs());
    }
    assertThat(heard.calls).containsExactly("workers");
  }

  @Test
  void a_run_is_created_and_resumed_by_its_directory_alone() throws Exception {
    Path images = TinyImages.folder(folder.resolve("images"), 16, 6, 1);
    TrainingSpec spec = SPEC.withData(images.toString()).withLimits(12, 5);
    Path directory = folder.resolve("run");
    try (TrainingSession session = TrainingSession.create(spec, directory)) {
      session.stopWhen(() -> true).train();
    }
    try (TrainingSession session = TrainingSession.resume(directory)) {
      assertThat(session.run().spec()).isEqualTo(spec);
      assertThat(session.run().data().train().size()).isEqualTo(12);
      assertThat(session.train().epochs()).hasSize(3);
    }
  }

  @Test
  void a_resumed_run_on_other_images_is_refused() throws Exception {
    Path directory = folder.resolve("run");
    try (TrainingSession session = TrainingSession.create(run(SPEC), directory)) {
      session.stopWhen(() -> true).train();
    }
    DataSet others =
        new DataSet(
            "tiny",
            TinyImages.images(TinyImages.SHAPE, 24, 500),
            DATA.test(),
            DATA.normalization(),
            true,
            1);
    try (TrainingSession session =
        TrainingSession.resume(ResolvedRun.of(SPEC, others, null), directory)) {
      assertThatThrownBy(session::train)
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining("belongs to a run with another trainData");
    }
  }

  @Test
  void the_record_holds_what_is_needed_to_run_it_again() throws Exception {
    TrainingResult result = train(SPEC, "run");
    Map<String, Object> record = RunFile.read(result.layout().runFile());
    assertThat(record)
        .containsEntry("outcome", "finished")
        .containsEntry("data", "tiny: 24 training and 10 test images of 8x8x3, 2 classes")
        .containsEntry("trainingImages", 24)
        .containsEntry("trustedProcess", RunRecord.NOT_PROTECTED)
        .containsEntry(
            "plan",
            Map.of("conv1", "trusted", "conv2", "trusted", "conv3", "trusted", "fc", "trusted"))
        .containsEntry("privacy", TrainingResult.NOTHING_RELEASED);
    assertThat(record.get("provenance")).asString().contains(DATA.train().digest());
    assertThat(record.get("lastEpoch")).asString().contains("epoch=3");
    @SuppressWarnings("unchecked")
    Map<String, Object> config = (Map<String, Object>) Objects.requireNonNull(record.get("config"));
    assertThat(new Settings(config).spec()).isEqualTo(SPEC);
  }

  @Test
  void ranks_are_analysed_at_every_nth_epoch_and_at_the_last() throws Exception {
    Heard heard = new Heard();
    try (TrainingSession session =
        TrainingSession.create(
            run(SPEC.withEpochs(5).withRankAnalysisEvery(2)), folder.resolve("run"))) {
      session.listener(heard).train();
    }
    assertThat(heard.calls)
        .filteredOn(call -> call.startsWith("ranks"))
        .containsExactly("ranks 2 of cnn", "ranks 4 of cnn", "ranks 5 of cnn");
  }

  @Test
  void a_session_that_never_trains_leaves_its_directory_for_the_next() throws Exception {
    Path directory = folder.resolve("run");
    TrainingSession.create(run(SPEC), directory).close();
    TrainingSession session = TrainingSession.create(run(SPEC), directory);
    assertThatThrownBy(session::trained)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("holds no trained model");
    session.close();
    session.close();
  }

  @Test
  void epochs_of_a_result_cannot_be_changed_from_outside() throws Exception {
    List<EpochMetrics> epochs = new ArrayList<>(train(SPEC.withEpochs(1), "run").epochs());
    TrainingResult result =
        new TrainingResult(Outcome.FINISHED, epochs, null, new RunLayout(folder));
    epochs.clear();
    assertThat(result.epochs()).hasSize(1);
    assertThat(result.privacy()).isEqualTo(TrainingResult.NOTHING_RELEASED);
  }
}
