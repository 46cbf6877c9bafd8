package asymml.trusted.train;

import static asymml.trusted.train.TinyRuns.data;
import static asymml.trusted.train.TinyRuns.layout;
import static asymml.trusted.train.TinyRuns.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import asymml.model.Parameter;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.Ledger;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyStatement;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.ops.PerExampleMethod;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Plan;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TinyRuns.Course;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Runs of DP-SGD without a worker: what is released is the trained model.
class DpSgdTrainerTest {
  private static final DataSet DATA = data(240, 60, 3);
  private static final int EPOCHS = 2;

  /// Of 240 examples, 60 a step.
  private static final int STEPS = 4 * EPOCHS;

  private static final DpSgd DP_SGD = new DpSgd(60, 1, 0.9, 0.02, 1L << 30);

  @TempDir Path folder;

  private static TrainConfig config(@Nullable Double target, NoiseStrength noise, DpSgd dpSgd) {
    return TinyRuns.config(EPOCHS, 16)
        .withNorm(Zoo.Norm.GROUP)
        .withOptimizer(
            new TrainConfig.Optimizer(
                0.5f, 0.9f, 0, TrainConfig.Schedule.COSINE, 0, List.of(), 0.1f))
        .withPrivacy(
            PrivacyConfig.of(dpSgd, target == null ? null : new Epsilon(target), new Delta(1e-4)))
        .withNoise(noise);
  }

  private static TrainConfig within(double target) {
    return config(target, new NoiseStrength.None(), DP_SGD);
  }

  private RunLayout fresh(String name) throws Exception {
    return layout(folder.resolve(name));
  }

  private static PrivacyStatement statement(RunLayout layout) throws Exception {
    return PrivacyStatement.of(LedgerFile.read(layout.ledger()), new PldAccountant());
  }

  private static Trainer.Outcome resume(TrainConfig config, RunLayout layout, Course course)
      throws Exception {
    try (Trainer trainer =
        new Trainer(config, DATA, null, null, LedgerFile.read(layout.ledger()))) {
      return trainer.run(layout, true, course, course);
    }
  }

  @Test
  void the_released_model_costs_the_target_and_each_step_has_one_joint_release() throws Exception {
    RunLayout layout = fresh("whole");
    run(within(8), DATA, layout, false, Course.toTheEnd());
    Ledger ledger = LedgerFile.read(layout.ledger());
    assertThat(ledger.workers()).isZero();
    assertThat(ledger.steps()).isEqualTo(STEPS);
    Sampling.Poisson poisson = (Sampling.Poisson) ledger.sampling();
    assertThat(poisson.batchSize()).isEqualTo(60);
    assertThat(poisson.slots() % 16).isZero();
    List<Release> releases = ledger.entries().getFirst().releases();
    assertThat(releases).hasSize(1);
    assertThat(releases.getFirst().channel()).isEqualTo(Channel.WEIGHTS);
    assertThat(releases.getFirst().values())
        .isEqualTo(
            Zoo.build("cnn", DATA.train().shape(), 3, Zoo.Norm.GROUP).parameters().stream()
                .filter(p -> p.kind().trained())
                .mapToLong(Parameter::size)
                .sum());
    PrivacyStatement statement = statement(layout);
    assertThat(statement.view().value()).isBetween(0.99 * 8, 8.0);
    assertThat(statement.lines()).hasSize(1);
    assertThat(statement.lines().getFirst()).startsWith("released model: epsilon 8 at delta");
  }

  @Test
  void with_little_noise_it_learns() throws Exception {
    RunLayout layout = fresh("learns");
    TrainConfig config = config(null, new NoiseStrength.Multiplier(0.5), DP_SGD).withEpochs(8);
    run(config, DATA, layout, false, Course.toTheEnd());
    assertThat(MetricsLog.readAll(layout.metrics()).getLast().testAccuracy()).isGreaterThan(0.7);
  }

  @Test
  void a_stopped_run_goes_on_and_costs_what_an_undisturbed_one_does() throws Exception {
    RunLayout whole = fresh("undisturbed");
    run(within(3), DATA, whole, false, Course.toTheEnd());
    RunLayout layout = fresh("stopped");
    assertThat(run(within(3), DATA, layout, false, new Course(3)))
        .isEqualTo(Trainer.Outcome.STOPPED);
    assertThat(LedgerFile.read(layout.ledger()).steps()).isEqualTo(3);
    assertThat(resume(within(3), layout, Course.toTheEnd())).isEqualTo(Trainer.Outcome.FINISHED);
    assertThat(LedgerFile.read(layout.ledger())).isEqualTo(LedgerFile.read(whole.ledger()));
    assertThat(MetricsLog.readAll(layout.metrics())).hasSize(EPOCHS);
  }

  /// The ledger runs ahead of the steps: what a kill leaves in it is spent.
  @Test
  void a_killed_run_skips_the_steps_that_its_ledger_has_and_costs_the_same() throws Exception {
    RunLayout whole = fresh("undisturbed");
    run(within(3), DATA, whole, false, Course.toTheEnd());
    RunLayout layout = fresh("killed");
    run(within(3), DATA, layout, false, new Course(2));
    byte[] checkpoint = Files.readAllBytes(layout.checkpoint());
    byte[] ahead;
    try (Trainer trainer =
        new Trainer(within(3), DATA, null, null, LedgerFile.read(layout.ledger()))) {
      Course course = new Course(1);
      trainer.run(layout, true, course, course);
      ahead = Files.readAllBytes(layout.ledger());
    }
    Files.write(layout.checkpoint(), checkpoint);
    Files.write(layout.ledger(), ahead);
    Course rest = Course.toTheEnd();
    resume(within(3), layout, rest);
    assertThat(rest.steps()).isEqualTo(STEPS - 3);
    assertThat(LedgerFile.read(layout.ledger())).isEqualTo(LedgerFile.read(whole.ledger()));
  }

  @Test
  void the_run_ends_at_the_last_step_inside_its_budget() throws Exception {
    RunLayout layout = fresh("budget");
    TrainConfig config = config(4.0, new NoiseStrength.Multiplier(0.8), DP_SGD).withEpochs(40);
    assertThat(run(config, DATA, layout, false, Course.toTheEnd()))
        .isEqualTo(Trainer.Outcome.BUDGET_SPENT);
    Ledger ledger = LedgerFile.read(layout.ledger());
    assertThat(ledger.steps()).isBetween(1L, 159L);
    assertThat(statement(layout).view().value()).isLessThanOrEqualTo(4);
    Ledger.Entry entry = ledger.entries().getFirst();
    Ledger more =
        new Ledger(
            ledger.sampling(),
            ledger.delta(),
            List.of(new Ledger.Entry(entry.releases(), ledger.steps() + 1)),
            0);
    assertThat(more.epsilon(_ -> true, new PldAccountant()).value()).isGreaterThan(4);
  }

  @Test
  void what_is_evaluated_and_saved_is_the_moving_average() throws Exception {
    RunLayout average = fresh("average");
    DpSgd still = new DpSgd(60, 1, 0.999, 0.02, 1L << 30);
    run(config(8.0, new NoiseStrength.None(), still), DATA, average, false, Course.toTheEnd());
    DataSet normalised =
        new DataSet("tiny", DATA.train(), DATA.test(), Normalization.constant(3), true, 1);
    try (TrainedModel model = TrainedModel.read(average.checkpoint());
        Evaluator evaluator = new Evaluator(model.graph(), model.parameters(), 16)) {
      Evaluator.Score score =
          evaluator.score(normalised.test(), normalised.normalization(), (_, _) -> {});
      assertThat(score.loss())
          .isCloseTo(MetricsLog.readAll(average.metrics()).getLast().testLoss(), offset(1e-5));
    }
  }

  @Test
  void average_keeps_little_in_the_first_steps() {
    assertThat(DP_SGD.kept(0)).isCloseTo(0.1f, offset(1e-7f));
    assertThat(DP_SGD.kept(1000)).isEqualTo(0.9f);
  }

  @Test
  void a_physical_batch_is_made_smaller_only_where_gradients_must_be_stored() {
    var graph = Zoo.build("cnn", DATA.train().shape(), 3, Zoo.Norm.GROUP);
    DpSgd little = new DpSgd(60, 1, 0.9, 0.02, 1 << 18);
    assertThat(little.plan(graph, 16).examples()).isEqualTo(16);
    assertThat(little.plan(graph, 16).methods()).containsValue(PerExampleMethod.RECOMPUTED);
    DpSgd stored = new DpSgd(60, 1, 1, 0.9, 0.02, PerExampleMethod.STORED, 1 << 20);
    assertThat(stored.plan(graph, 16).examples()).isBetween(1, 15);
    assertThatThrownBy(() -> new DpSgd(60, 1, 0.9, 0.02, 1 << 6).plan(graph, 16))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("what is kept of the gradient of one example takes");
  }

  @Test
  void what_has_no_bound_is_refused() {
    assertRefused(within(8).withNorm(Zoo.Norm.BATCH), "batch norm mixes the examples");
    assertRefused(config(null, new NoiseStrength.None(), DP_SGD), "there is no noise");
    assertRefused(
        within(8).withMode(Mode.ASYMML).withTrustedLayers(List.of(Plan.FIRST)),
        "one worker alone cannot take part");
  }

  private static void assertRefused(TrainConfig config, String why) {
    assertThatThrownBy(() -> new Trainer(config, DATA, null, null, null).close())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(why);
  }
}
