package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.SoftmaxCrossEntropy;
import asymml.model.Initializer;
import asymml.model.SafeTensors;
import asymml.model.Zoo;
import asymml.trusted.data.DataSet;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Checkpoint.Position;
import asymml.trusted.train.EpochTotals.Cost;
import asymml.trusted.train.PrivacyConfig.Drawing;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What happens between two epochs, without the epochs.
class EpochEndTest {
  private static final DataSet DATA = TinyRuns.data(8, 5, 1);
  private static final Clock CLOCK = Clock.fixed(Instant.EPOCH, ZoneOffset.UTC);
  private static final Position START = new Position(1, 2, EpochTotals.ZERO);
  private static final Position TRAINED =
      new Position(
          1,
          4,
          EpochTotals.ZERO
              .plusStep(new SoftmaxCrossEntropy.Result(6, 4, 3), 0.5)
              .plusStep(new SoftmaxCrossEntropy.Result(2, 4, 1), 1.5)
              .withCost(new Cost(1.25, 0.5, 100, 200)));

  @TempDir private Path directory;
  private RunLayout layout = new RunLayout(Path.of(""));

  @BeforeEach
  void nameFiles() throws IOException {
    layout = TinyRuns.layout(directory);
  }

  private static TrainConfig config(boolean accounted) {
    TrainConfig plain = TinyRuns.config(3, 4).withNorm(Zoo.Norm.GROUP);
    return accounted
        ? plain
            .withNoise(new NoiseStrength.Multiplier(1))
            .withPrivacy(
                PrivacyRuns.protecting(PrivacyRuns.ALL, null, Drawing.SHUFFLE, Basis.PUBLIC))
        : plain;
  }

  private interface Use {
    void of(EpochEnd end, RunCheckpoint checkpoint, Parameters parameters) throws Exception;
  }

  private void with(boolean accounted, TrainListener listener, Use use) throws Exception {
    RunPlan run = RunPlan.of(config(accounted), DATA);
    try (Parameters parameters = new Parameters(run.graph(), new Initializer(1), true);
        Execution execution = new TrustedExecution(run, parameters);
        Evaluator evaluator = new Evaluator(run.graph(), parameters, 4);
        EpochLog log = EpochLog.open(layout, CLOCK, false)) {
      RunCheckpoint checkpoint =
          new RunCheckpoint(layout, run.identity(), parameters, null, execution);
      checkpoint.save(START);
      use.of(
          new EpochEnd(run, EpochEnd.Scorer.of(evaluator), checkpoint, log, listener),
          checkpoint,
          parameters);
    }
  }

  private Map<String, String> saved() {
    try {
      return SafeTensors.read(layout.checkpoint()).metadata();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /// Writes down what is on disk whenever it hears something.
  private final class Witness implements TrainListener {
    final List<String> seen = new ArrayList<>();

    private void look(String when) {
      try {
        int lines =
            Files.exists(layout.metrics()) ? MetricsLog.readAll(layout.metrics()).size() : 0;
        seen.add(
            "%s: epoch %s, step %s, %d lines"
                .formatted(when, saved().get("epoch"), saved().get("step"), lines));
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }

    @Override
    public void epochStarted(int epoch, int batches, int firstBatch) {
      throw new AssertionError("no epoch starts here");
    }

    @Override
    public void stepDone(EpochTotals totals) {
      throw new AssertionError("no step is done here");
    }

    @Override
    public void evaluated(int done, int total) {
      look(done + " of " + total);
    }

    @Override
    public void epochDone(EpochMetrics metrics) {
      look("done " + metrics.epoch());
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void an_epoch_ends_with_a_line_of_its_means_and_a_checkpoint_of_the_next(boolean accounted)
      throws Exception {
    with(
        accounted,
        new Witness(),
        (end, checkpoint, parameters) -> {
          assertThat(end.finish(TRAINED)).isEqualTo(new Position(2, 4, EpochTotals.ZERO));
          assertThat(checkpoint.read()).isEqualTo(new Position(2, 4, EpochTotals.ZERO));
          GradientStage.Score test =
              end.scorer().score(DATA.test(), end.run().normalization(), (_, _) -> {});
          assertThat(MetricsLog.readAll(layout.metrics()))
              .containsExactly(
                  new EpochMetrics(
                      2,
                      4,
                      1.0,
                      0.5,
                      test.loss(),
                      test.accuracy(),
                      end.run().schedule().at(3),
                      4,
                      1.25,
                      0.5,
                      100,
                      200));
        });
  }

  /// A run killed while it tests has its steps: where they are accounted for, they are spent.
  @Test
  void steps_that_are_spent_are_saved_before_they_are_tested() throws Exception {
    Witness witness = new Witness();
    with(true, witness, (end, _, _) -> end.finish(TRAINED));
    assertThat(witness.seen)
        .containsExactly(
            "4 of 5: epoch 1, step 4, 0 lines",
            "5 of 5: epoch 1, step 4, 0 lines",
            "done 2: epoch 2, step 4, 1 lines");
  }

  @Test
  void steps_that_can_be_repeated_are_saved_once_with_the_line_before_them() throws Exception {
    Witness witness = new Witness();
    with(false, witness, (end, _, _) -> end.finish(TRAINED));
    assertThat(witness.seen)
        .containsExactly(
            "4 of 5: epoch 1, step 2, 0 lines",
            "5 of 5: epoch 1, step 2, 0 lines",
            "done 2: epoch 2, step 4, 1 lines");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void a_model_that_diverged_is_noticed_by_its_test_and_the_checkpoint_is_the_one_before(
      boolean accounted) throws Exception {
    with(
        accounted,
        new Witness(),
        (end, _, parameters) -> {
          byte[] before = Files.readAllBytes(layout.checkpoint());
          parameters.value("fc.bias").fill(Float.NaN);
          assertThatThrownBy(() -> end.finish(TRAINED))
              .isInstanceOfSatisfying(
                  TrainingException.class, e -> assertThat(e.diverged()).isTrue())
              .hasMessageStartingWith("training diverged at step 3: the outputs on the test images")
              .hasMessageContaining("the last checkpoint is intact");
          assertThat(Files.readAllBytes(layout.checkpoint())).isEqualTo(before);
        });
    assertThat(MetricsLog.readAll(layout.metrics())).isEmpty();
    try (var files = Files.list(directory)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .noneMatch(name -> name.contains("tested") || name.endsWith(".tmp"));
    }
  }

  @Test
  void an_epoch_that_was_lost_as_a_whole_has_no_training_loss_and_a_test_all_the_same()
      throws Exception {
    with(
        false,
        new Witness(),
        (end, _, _) -> end.finish(new Position(1, 4, EpochTotals.ZERO.plusLost(2))));
    EpochMetrics line = MetricsLog.readAll(layout.metrics()).getFirst();
    assertThat(line.trainLoss()).isNull();
    assertThat(line.trainAccuracy()).isNull();
    assertThat(line.testLoss()).isPositive();
    assertThat(line.imagesPerSecond()).isZero();
  }
}
