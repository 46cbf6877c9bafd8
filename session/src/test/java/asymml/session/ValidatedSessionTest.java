package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.RunFile;
import asymml.trusted.train.Trainer.Outcome;
import asymml.trusted.train.Validation;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a run's validation images decide is what everything else uses.
class ValidatedSessionTest {
  private static final DataSet DATA = TinyImages.data();

  @TempDir Path folder;

  private static TrainingSpec spec(int epochs, int patience) {
    TrainingSpec spec =
        TrainingSpec.defaults()
            .withMode(Mode.TRUSTED_ONLY)
            .withBatchSize(8)
            .withEpochs(epochs)
            .withThreads(1);
    return spec.withTraining(spec.training().withValidation(new Validation(0.25, patience)));
  }

  private TrainingResult train(TrainingSpec spec, String name) throws Exception {
    try (TrainingSession session =
        TrainingSession.create(ResolvedRun.of(spec, DATA, null), folder.resolve(name))) {
      return session.train();
    }
  }

  /// Bright and dark are told apart without a mistake after few epochs.
  @Test
  void a_run_ends_early_and_its_model_is_that_of_the_best_epoch() throws Exception {
    TrainingResult result = train(spec(40, 2), "run");
    assertThat(result.outcome()).isEqualTo(Outcome.EARLY_STOPPED);
    EpochMetrics best = result.bestEpoch().orElseThrow();
    assertThat(result.lastEpoch().epoch()).isEqualTo(best.epoch() + 2).isLessThan(40);
    assertThatThrownBy(result::testAccuracy)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("does not look at test images");
    assertThat(RunFile.read(result.layout().runFile()).get("outcome")).isEqualTo("early-stopped");
    try (TrainedRun run = TrainedRun.open(folder.resolve("run"))) {
      assertThat(run.model().epoch()).isEqualTo(best.epoch());
      assertThat(run.whichModel())
          .isEqualTo("of epoch %s, the best by validation accuracy".formatted(best.epoch()));
      DataSet split = run.spec().training().split(DATA);
      assertThat(run.evaluate(split.heldOut(), 8).accuracy()).isEqualTo(best.heldOutAccuracy());
      Path exported = folder.resolve("model.onnx");
      run.export(ModelFormat.ONNX, exported);
      assertThat(exported).isNotEmptyFile();
    }
    try (TrainingSession session =
        TrainingSession.resume(ResolvedRun.of(spec(40, 2), DATA, null), folder.resolve("run"))) {
      assertThat(session.train().outcome()).isEqualTo(Outcome.EARLY_STOPPED);
    }
  }

  @Test
  void a_run_without_a_split_has_the_model_of_its_last_epoch() throws Exception {
    TrainingSpec spec = spec(2, 0);
    TrainingResult result =
        train(spec.withTraining(spec.training().withValidation(Validation.NONE)), "plain");
    assertThat(result.bestEpoch()).isEmpty();
    assertThat(Files.exists(result.layout().best())).isFalse();
    try (TrainedRun run = TrainedRun.open(folder.resolve("plain"))) {
      assertThat(run.whichModel()).isEqualTo("after 2 epochs");
    }
  }
}
