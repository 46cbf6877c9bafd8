package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import asymml.privacy.Ledger;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyStatement;
import asymml.privacy.Sampling;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.Trainer.Outcome;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// DP-SGD without workers: 24 images, 8 of them expected in each of 9 steps. Which are sampled, and
/// the noise, differ from run to run, so that only ledgers are compared.
class DpSgdSessionTest {
  private static final int STEPS = 9;
  private static final String YAML =
      """
      dp-sgd: true
      mode: trusted-only
      logical-batch-size: 8
      batch-size: 4
      epochs: 3
      delta: 1.0e-3
      threads: 1
      """;
  private static final TrainingSpec NOISED = spec("noise-multiplier: 2");
  private static final DataSet DATA = TinyImages.data();

  @TempDir Path folder;

  /// Settings above with others, of which the later take precedence.
  private static TrainingSpec spec(String... others) {
    Settings settings = Settings.parse("run.yaml", YAML);
    for (String other : others) {
      settings = settings.overriddenBy(Settings.parse("other.yaml", other));
    }
    return settings.spec();
  }

  private static ResolvedRun run(TrainingSpec spec) {
    return ResolvedRun.of(spec, DATA, null);
  }

  private TrainingResult train(TrainingSpec spec, String name) throws Exception {
    try (TrainingSession session = TrainingSession.create(run(spec), folder.resolve(name))) {
      return session.train();
    }
  }

  private static Ledger ledger(Path directory) throws IOException {
    return LedgerFile.read(new RunLayout(directory).ledger());
  }

  /// Counts steps, and notes forecasts and steps that are spent for nothing.
  private static final class Heard implements SessionListener {
    private final List<Ledger> forecasts = new ArrayList<>();
    private int steps;
    private long skipped;

    @Override
    public void forecast(Ledger ledger) {
      forecasts.add(ledger);
    }

    @Override
    public void stepsSkipped(long skipped) {
      this.skipped += skipped;
    }

    @Override
    public void stepDone(EpochTotals totals) {
      steps++;
    }
  }

  private Path stoppedAfter(int steps) throws Exception {
    Path directory = folder.resolve("stopped");
    Heard heard = new Heard();
    try (TrainingSession session = TrainingSession.create(run(NOISED), directory)) {
      TrainingResult result = session.listener(heard).stopWhen(() -> heard.steps >= steps).train();
      assertThat(result.outcome()).isEqualTo(Outcome.STOPPED);
    }
    assertThat(ledger(directory).steps()).isEqualTo(steps);
    return directory;
  }

  @Test
  void the_released_model_is_what_is_stated_and_recorded() throws Exception {
    TrainingResult result = train(spec("target-epsilon: 8"), "run");
    assertThat(result.outcome()).isEqualTo(Outcome.FINISHED);
    assertThat(result.epochs()).extracting(EpochMetrics::epoch).containsExactly(1, 2, 3);
    PrivacyStatement statement = Objects.requireNonNull(result.statement());
    // The noise is the smallest that the target allows.
    assertThat(statement.view().value()).isBetween(0.99 * 8, 8.0);
    assertThat(result.privacy()).containsExactly("released model: epsilon 8 at delta 1.00e-03");

    Ledger ledger = ledger(result.layout().directory());
    assertThat(statement.ledger()).isEqualTo(ledger);
    assertThat(ledger.steps()).isEqualTo(STEPS);
    assertThat(ledger.workers()).isZero();
    assertThat(ledger.sampling())
        .isInstanceOfSatisfying(
            Sampling.Poisson.class,
            poisson -> {
              assertThat(poisson.examples()).isEqualTo(24);
              assertThat(poisson.batchSize()).isEqualTo(8);
            });

    assertThat(RunFile.read(result.layout().runFile()).get("privacy"))
        .asInstanceOf(InstanceOfAssertFactories.MAP)
        .containsEntry("statement", result.privacy())
        .containsEntry("modelEpsilon", statement.view().value())
        .containsEntry("workers", 0)
        .containsEntry("steps", STEPS);
  }

  @Test
  void what_is_forecast_is_what_the_run_has_released_at_its_end() throws Exception {
    Heard heard = new Heard();
    Path directory = folder.resolve("run");
    try (TrainingSession session = TrainingSession.create(run(NOISED), directory)) {
      session.listener(heard).train();
    }
    assertThat(heard.forecasts).containsExactly(ledger(directory));
    assertThat(heard.steps).isEqualTo(STEPS);
    assertThat(heard.skipped).isZero();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 8})
  void a_run_stopped_after_any_step_ends_with_the_ledger_of_one_that_was_not(int steps)
      throws Exception {
    Ledger whole = Objects.requireNonNull(train(NOISED, "whole").statement()).ledger();
    Path directory = stoppedAfter(steps);
    Heard heard = new Heard();
    try (TrainingSession session = TrainingSession.resume(run(NOISED), directory)) {
      TrainingResult resumed = session.listener(heard).train();
      assertThat(resumed.outcome()).isEqualTo(Outcome.FINISHED);
      assertThat(resumed.epochs()).hasSize(3);
      assertThat(Objects.requireNonNull(resumed.statement()).ledger()).isEqualTo(whole);
    }
    assertThat(heard.steps).isEqualTo(STEPS - steps);
    assertThat(heard.skipped).isZero();
    assertThat(ledger(directory)).isEqualTo(whole);
  }

  @Test
  void steps_that_the_ledger_is_ahead_are_spent_and_not_repeated() throws Exception {
    Path directory = stoppedAfter(4);
    // As a kill leaves it, two steps after the checkpoint.
    LedgerFile.write(new RunLayout(directory).ledger(), withSteps(ledger(directory), 6));
    Heard heard = new Heard();
    try (TrainingSession session = TrainingSession.resume(run(NOISED), directory)) {
      assertThat(session.listener(heard).train().outcome()).isEqualTo(Outcome.FINISHED);
    }
    assertThat(heard.skipped).isEqualTo(2);
    assertThat(heard.steps).isEqualTo(STEPS - 6);
    assertThat(ledger(directory).steps()).isEqualTo(STEPS);
  }

  /// The same releases in another number of steps.
  private static Ledger withSteps(Ledger ledger, long steps) {
    List<Ledger.Entry> entries = new ArrayList<>(ledger.entries());
    entries.set(0, new Ledger.Entry(entries.getFirst().releases(), steps));
    return new Ledger(ledger.sampling(), ledger.delta(), entries, ledger.workers());
  }

  @Test
  void without_its_ledger_a_run_is_not_resumed_and_its_checkpoint_stays() throws Exception {
    RunLayout layout = new RunLayout(stoppedAfter(4));
    Files.delete(layout.ledger());
    byte[] checkpoint = Files.readAllBytes(layout.checkpoint());
    try (TrainingSession session = TrainingSession.resume(run(NOISED), layout.directory())) {
      assertThatThrownBy(session::train)
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining(layout.directory() + " cannot be resumed")
          .hasMessageContaining("without its ledger.json nobody knows what it has released");
    }
    assertThat(layout.ledger()).doesNotExist();
    assertThat(Files.readAllBytes(layout.checkpoint())).isEqualTo(checkpoint);
  }

  @Test
  void a_ledger_that_says_less_than_the_run_has_released_is_refused() throws Exception {
    Path directory = stoppedAfter(4);
    Ledger written = ledger(directory);
    LedgerFile.write(new RunLayout(directory).ledger(), withSteps(written, 3));
    try (TrainingSession session = TrainingSession.resume(run(NOISED), directory)) {
      assertThatThrownBy(session::train)
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining("the ledger is behind the checkpoint");
    }
    // More noise than there was would cost less.
    Ledger other =
        Objects.requireNonNull(train(spec("noise-multiplier: 3"), "o").statement()).ledger();
    LedgerFile.write(new RunLayout(directory).ledger(), withSteps(other, written.steps()));
    try (TrainingSession session = TrainingSession.resume(run(NOISED), directory)) {
      assertThatThrownBy(session::train)
          .isInstanceOf(InvalidSpecException.class)
          .hasMessageContaining("the ledger does not say what this run releases");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "logical-batch-size: 9, logical-batch-size was 8 and is 9",
    "epochs: 99, and is 99",
    "max-grad-norm: 2, max-grad-norm was 1.0 and is 2.0",
    "augmentation-multiplicity: 2, augmentation-multiplicity was 1 and is 2",
    "weight-average: 0, weight-average was 0.95 and is 0.0",
    "noise-multiplier: 3, noise-multiplier was 2.0 and is 3.0",
    "delta: 1.0e-4, delta was 0.001 and is 1.0E-4",
    "target-epsilon: 8, target-epsilon was not given and is 8.0",
  })
  void what_the_guarantee_rests_on_cannot_change_on_resume(String changed, String told)
      throws Exception {
    Path directory = stoppedAfter(1);
    ResolvedRun resumed = run(spec("noise-multiplier: 2", changed));
    InvalidSpecException e =
        catchThrowableOfType(
            InvalidSpecException.class, () -> TrainingSession.resume(resumed, directory));
    assertThat(e).isNotNull().hasMessageContaining(told);
    assertThat(e.findings())
        .extracting(Finding::kind)
        .containsExactly(Finding.Kind.CHANGED_ON_RESUME);
  }

  @Test
  void a_run_ends_when_its_budget_is_spent_and_stays_inside_it() throws Exception {
    TrainingResult result = train(spec("noise-multiplier: 2\ntarget-epsilon: 1.2"), "run");
    assertThat(result.outcome()).isEqualTo(Outcome.BUDGET_SPENT);
    Ledger ledger = Objects.requireNonNull(result.statement()).ledger();
    assertThat(ledger.steps()).isBetween(1L, STEPS - 1L);
    PldAccountant accountant = new PldAccountant();
    assertThat(ledger.epsilon(_ -> true, accountant).value()).isLessThanOrEqualTo(1.2);
    assertThat(withSteps(ledger, ledger.steps() + 1).epsilon(_ -> true, accountant).value())
        .isGreaterThan(1.2);
    assertThat(RunFile.read(result.layout().runFile())).containsEntry("outcome", "budget spent");
  }

  @Test
  void while_it_trains_its_record_points_to_the_ledger() throws Exception {
    Path directory = folder.resolve("run");
    RunLayout layout = new RunLayout(directory);
    List<Map<String, Object>> records = new ArrayList<>();
    SessionListener reading =
        new SessionListener() {
          @Override
          public void epochDone(EpochMetrics metrics) {
            try {
              records.add(RunFile.read(layout.runFile()));
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          }
        };
    try (TrainingSession session =
        TrainingSession.create(run(spec("noise-multiplier: 2\nepochs: 1")), directory)) {
      session.listener(reading).train();
    }
    assertThat(records)
        .singleElement()
        .satisfies(record ->
            assertThat(record)
                .containsEntry("outcome", "running")
                .containsEntry("privacy", "under way: see ledger.json"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"mode: asymml\nrank: 0", "mode: dp-only", "mode: dp-only\nworker: [local, local]"})
  void one_party_that_sees_everything_cannot_take_part(String yaml) {
    InvalidSpecException e =
        catchThrowableOfType(
            InvalidSpecException.class, () -> run(spec("target-epsilon: 8\n" + yaml)));
    assertThat(e).isNotNull();
    assertThat(e.findings())
        .containsExactly(
            Finding.of(
                Finding.Kind.ONE_WORKER,
                "with DP-SGD, masks hide what workers receive: one worker alone cannot take part"));
  }

  @Test
  void under_masks_two_workers_may_take_part() {
    ResolvedRun masked = run(spec("target-epsilon: 8\nmode: asymml\nshield: shares"));
    assertThat(masked.needsWorker()).isTrue();
    assertThat(masked.spec().usedWorkers()).hasSize(2);
  }

  @Test
  void each_image_counts_once_and_pixels_are_normalised_by_constants() {
    ImageSet train = DATA.train();
    byte[] pixels = new byte[2 * TinyImages.SHAPE.size()];
    System.arraycopy(TinyImages.pixels(TinyImages.SHAPE, 0, 0), 0, pixels, 0, pixels.length / 2);
    System.arraycopy(pixels, 0, pixels, pixels.length / 2, pixels.length / 2);
    ImageSet twice = ImageSet.of(TinyImages.SHAPE, TinyImages.CLASSES, new int[] {0, 1}, pixels);
    DataSet data = new DataSet("twice", twice, DATA.test(), Normalization.of(train), true, 1);
    ResolvedRun resolved = ResolvedRun.of(NOISED, data, null);
    assertThat(resolved.data().train().size()).isEqualTo(1);
    assertThat(resolved.normalization()).isEqualTo(Normalization.constant(3));
    assertThat(resolved.publicImages()).isNull();
  }

  @ParameterizedTest
  @CsvSource({"8, 64, false", "24, 64, false", "25, 4, true"})
  void an_epoch_is_one_step_where_a_logical_batch_is_more_than_all_images(
      int logical, int physical, boolean one) {
    String sizes = "logical-batch-size: %d\nbatch-size: %d\n".formatted(logical, physical);
    assertThat(run(spec(sizes + "noise-multiplier: 2")).describeData())
        .isEqualTo(
            "tiny: 24 training and 10 test images of 8x8x3, 2 classes"
                + (one ? "; an epoch is one step, since the batch size of 25 is more" : ""));
  }

  /// A ledger of an earlier moment is genuine, and states too small an epsilon.
  @Test
  void a_ledger_that_is_older_than_the_model_states_nothing() throws Exception {
    train(NOISED, "whole");
    Path directory = folder.resolve("whole");
    Ledger all = ledger(directory);
    Ledger.Entry entry = all.entries().getFirst();
    Ledger old =
        new Ledger(
            all.sampling(),
            all.delta(),
            List.of(new Ledger.Entry(entry.releases(), STEPS - 1)),
            all.workers());
    try (TrainedRun run = TrainedRun.open(directory)) {
      assertThat(run.modelStatement()).startsWith("released model: epsilon ");
      String stated = run.modelStatement();
      LedgerFile.write(new RunLayout(directory).ledger(), old);
      assertThat(run.modelStatement()).as("the ledger is read once").isEqualTo(stated);
    }
    try (TrainedRun run = TrainedRun.open(directory)) {
      assertThatThrownBy(run::statement)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("is behind its checkpoint (8 steps of 9)");
      assertThatThrownBy(() -> run.export(ModelFormat.SAFETENSORS, folder.resolve("m.safetensors")))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("is behind its checkpoint");
    }
    assertThat(folder.resolve("m.safetensors")).doesNotExist();
  }
}
