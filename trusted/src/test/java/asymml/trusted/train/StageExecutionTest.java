package asymml.trusted.train;

import static asymml.trusted.train.TinyRuns.data;
import static asymml.trusted.train.TinyRuns.layout;
import static asymml.trusted.train.TinyRuns.trace;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.SafeTensors;
import asymml.model.Zoo;
import asymml.privacy.Delta;
import asymml.privacy.Ledger;
import asymml.privacy.Sampling;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TinyRuns.Course;
import asymml.trusted.train.TrainConfig.Algorithm;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.assertj.core.data.Percentage;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Runs whose gradients are summed in parts, against runs of one process.
class StageExecutionTest {
  private static final DataSet DATA = data(100, 30, 3);
  private static final double NOISE = 0.9;

  @TempDir Path folder;

  /// 25 steps, of which each fifth is one of 20 examples.
  private static TrainConfig plain() {
    return TinyRuns.config(5, 20).withNorm(Zoo.Norm.GROUP).withOptimizer(TinyRuns.optimizer(2e-3f));
  }

  /// Eight steps of 25 expected examples.
  private static TrainConfig dpSgd() {
    return TinyRuns.config(2, 8)
        .withNorm(Zoo.Norm.GROUP)
        .withAugment(false)
        .withOptimizer(
            new TrainConfig.Optimizer(
                0.1f, 0, 0, TrainConfig.Schedule.CONSTANT, 0, List.of(), 0.1f))
        .withPrivacy(PrivacyConfig.of(new DpSgd(25, 1, 0, 0.02, 1L << 30), null, new Delta(1e-4)))
        .withNoise(new NoiseStrength.Multiplier(NOISE));
  }

  private RunLayout fresh(String name) throws IOException {
    return layout(folder.resolve(name));
  }

  private static Trainer.Outcome train(
      TrainConfig config, GradientStage stage, RunLayout layout, boolean resume, Course course)
      throws IOException, TrainingException {
    @Nullable Ledger earlier =
        resume && config.privacy().accounted() ? LedgerFile.read(layout.ledger()) : null;
    try (Trainer trainer =
        Trainer.onCluster(
            config,
            LocalStage.elsewhere(DATA),
            stage,
            earlier,
            InitialValues.drawn(config.seed()))) {
      return trainer.run(layout, resume, course, course);
    }
  }

  /// Notes the loss of each step.
  private static final class Losses extends Course {
    private final List<Double> sums = new ArrayList<>();

    Losses() {
      super(Integer.MAX_VALUE);
    }

    @Override
    public void stepDone(EpochTotals totals) {
      super.stepDone(totals);
      sums.add(totals.lossSum());
    }
  }

  private void requireSameLosses(TrainConfig config, int... ends) throws Exception {
    Losses one = new Losses();
    TinyRuns.run(config, DATA, fresh("one"), false, one);
    Losses parts = new Losses();
    try (LocalStage stage = new LocalStage(config, DATA, ends)) {
      train(config, stage, fresh("parts"), false, parts);
    }
    assertThat(parts.sums).hasSize(25);
    for (int i = 0; i < parts.sums.size(); i++) {
      assertThat(parts.sums.get(i))
          .as("loss of step %s", i)
          .isCloseTo(one.sums.get(i), Percentage.withPercentage(0.01));
    }
    assertThat(MetricsLog.readAll(fresh("parts").metrics()).getLast().testLoss())
        .isCloseTo(
            MetricsLog.readAll(fresh("one").metrics()).getLast().testLoss(),
            Percentage.withPercentage(0.01));
  }

  @Test
  void parts_of_any_size_give_the_losses_of_one_process() throws Exception {
    requireSameLosses(plain(), 1, 38, 38, 100);
  }

  @Test
  void adamw_updates_once_for_all_parts() throws Exception {
    requireSameLosses(
        plain()
            .withOptimizer(
                TinyRuns.optimizer(5e-4f).withAlgorithm(Algorithm.ADAMW).withWeightDecay(0.1f)),
        50,
        100);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 5, 7})
  void a_run_stopped_after_any_step_continues_to_the_same_bytes(int steps) throws Exception {
    TrainConfig config = plain().withEpochs(2);
    RunLayout whole = fresh("whole");
    RunLayout stopped = fresh("stopped");
    try (LocalStage stage = new LocalStage(config, DATA, 40, 100)) {
      train(config, stage, whole, false, Course.toTheEnd());
      train(config, stage, stopped, false, new Course(steps));
      train(config, stage, stopped, true, Course.toTheEnd());
    }
    assertThat(trace(stopped)).isEqualTo(trace(whole));
    assertThat(Files.exists(whole.ledger())).isFalse();
  }

  @Test
  void the_ledger_of_dp_sgd_is_that_of_one_process_and_ahead_of_each_step() throws Exception {
    RunLayout one = fresh("one");
    TinyRuns.run(dpSgd(), DATA, one, false, Course.toTheEnd());
    RunLayout parts = fresh("parts");
    AtomicInteger steps = new AtomicInteger();
    try (LocalStage stage = new LocalStage(dpSgd(), DATA, 10, 100)) {
      stage.before =
          step -> {
            steps.incrementAndGet();
            assertThat(step.examples()).isEmpty();
            assertThat(step.draws()).isNotNull();
            assertThat(ledger(parts).steps()).isGreaterThan(step.number());
          };
      train(dpSgd(), stage, parts, false, Course.toTheEnd());
    }
    assertThat(steps).hasValue(8);
    assertThat(ledger(parts)).isEqualTo(ledger(one)).extracting(Ledger::steps).isEqualTo(8L);
    assertThat(ledger(parts).sampling()).isInstanceOf(Sampling.Poisson.class);
  }

  private static Ledger ledger(RunLayout layout) {
    try {
      return LedgerFile.read(layout.ledger());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// A stage of no gradients at all: what moves the parameters is noise.
  private static final class Silent implements GradientStage {
    private final int values;
    private int failing = Integer.MAX_VALUE;

    Silent(int values) {
      this.values = values;
    }

    @Override
    public Sums gradients(Step step, float[] parameters) throws ProtocolException {
      if (step.number() == failing) {
        throw new ProtocolException(ProtocolException.Reason.CLOSED, "an executor is lost");
      }
      return Sums.zero(values);
    }

    @Override
    public Score score(float[] parameters) {
      return new Score(1, 0);
    }
  }

  private static int values() {
    try (var member = LocalStage.member(dpSgd(), DATA)) {
      return member.values();
    }
  }

  private static double[] saved(RunLayout layout) throws IOException {
    return SafeTensors.read(layout.checkpoint()).tensors().stream()
        .filter(tensor -> tensor.name().endsWith("weight") && !tensor.name().contains("/"))
        .flatMapToDouble(tensor -> {
          float[] values = tensor.toArray();
          return java.util.stream.IntStream.range(0, values.length).mapToDouble(i -> values[i]);
        })
        .toArray();
  }

  /// Eight steps of noise z / B at a rate of 0.1: the sum of squares of 10,000 values or more is
  /// within 6 % of what is expected but in one of 10,000 runs.
  @Test
  void the_sum_of_all_parts_is_noised_once() throws Exception {
    int values = values();
    RunLayout start = fresh("start");
    train(dpSgd(), new Silent(values), start, false, new Course(1));
    double[] first = saved(start);
    RunLayout end = fresh("end");
    train(dpSgd(), new Silent(values), end, false, Course.toTheEnd());
    double[] last = saved(end);
    double squares = 0;
    for (int i = 0; i < first.length; i++) {
      squares += (last[i] - first[i]) * (last[i] - first[i]);
    }
    // The first run has one step of noise of its own, the second one eight.
    double expected = 9 * Math.pow(0.1 * NOISE / 25, 2);
    assertThat(first.length).isGreaterThan(10_000);
    assertThat(squares / first.length).isCloseTo(expected, Percentage.withPercentage(6));
  }

  @Test
  void a_step_that_fails_is_spent_and_the_run_goes_on_with_the_next() throws Exception {
    Silent stage = new Silent(values());
    stage.failing = 2;
    RunLayout layout = fresh("failed");
    assertThatThrownBy(() -> train(dpSgd(), stage, layout, false, Course.toTheEnd()))
        .isInstanceOf(ProtocolException.class)
        .hasMessage("an executor is lost");
    assertThat(ledger(layout).steps()).isEqualTo(3);
    Course rest = Course.toTheEnd();
    assertThat(train(dpSgd(), stage, layout, true, rest)).isEqualTo(Trainer.Outcome.FINISHED);
    assertThat(rest.steps()).isEqualTo(5);
    assertThat(ledger(layout).steps()).isEqualTo(8);
  }

  @Test
  void sums_that_are_not_of_this_step_are_refused() throws Exception {
    RunLayout layout = fresh("other");
    assertThatThrownBy(
            () -> train(plain(), new Silent(values() - 1), layout, false, Course.toTheEnd()))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("another number of values");
    assertThatThrownBy(() -> train(plain(), new Silent(values()), layout, false, Course.toTheEnd()))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("computed 0 examples of 20");
  }

  @Test
  void what_is_not_computed_in_parts_is_refused() {
    assertRefused(plain().withNorm(Zoo.Norm.BATCH), "use group norm");
    assertRefused(plain().withMode(Mode.ASYMML), "the mode is trusted-only");
    assertRefused(plain().withValidation(new Validation(0.2, 0)), "the images lie elsewhere");
    assertRefused(
        plain().withClassWeights(new ClassWeights.Given(List.of(1f, 2f, 1f))),
        "leave out class weights");
  }

  private static void assertRefused(TrainConfig config, String why) {
    assertThatThrownBy(() ->
            Trainer.onCluster(
                    config, LocalStage.elsewhere(DATA), new Silent(1), null, InitialValues.drawn(1))
                .close())
        .isInstanceOf(RuntimeException.class)
        .hasMessageContaining(why);
  }
}
