package asymml.study;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.session.DataSpec;
import asymml.session.InvalidSpecException;
import asymml.session.Limit;
import asymml.session.ResolvedRun;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataSet;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainListener;
import asymml.trusted.train.TrainingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Runs of two epochs of two steps, with real workers where there are any.
class StudyRunTest {
  private static final TrainingSpec SPEC =
      TrainingSpec.defaults().withLimits(32, 16).withBatchSize(16).withEpochs(2);

  private static DataSet data;

  @TempDir Path folder;

  private final List<String> heard = new ArrayList<>();

  private final RunDisplay display =
      new RunDisplay() {
        @Override
        public TrainListener started(TrainConfig config) {
          heard.add("started " + config.epochs());
          return new TrainListener() {
            @Override
            public void epochStarted(int epoch, int batches, int firstBatch) {
              heard.add("epoch " + epoch + " of " + batches + " batches");
            }

            @Override
            public void stepDone(EpochTotals totals) {}

            @Override
            public void evaluated(int done, int total) {}

            @Override
            public void epochDone(EpochMetrics metrics) {
              heard.add("done " + metrics.epoch());
            }
          };
        }

        @Override
        public void ended() {
          heard.add("ended");
        }
      };

  @BeforeAll
  static void open() throws Exception {
    data =
        DataSpec.of("generated").withLimits(new Limit(32), new Limit(16)).open(1, (_, _, _) -> {});
  }

  private boolean train(TrainingSpec spec, Path directory, BooleanSupplier stop) throws Exception {
    return new StudyRun(List.of("study", "--of", "a test"), display, stop)
        .train(ResolvedRun.of(spec, data, null), directory);
  }

  @Test
  void a_run_is_shown_and_recorded() throws Exception {
    Path directory = folder.resolve("run");
    assertThat(train(SPEC, directory, () -> false)).isTrue();
    assertThat(heard)
        .containsExactly(
            "started 2",
            "epoch 1 of 2 batches",
            "done 1",
            "epoch 2 of 2 batches",
            "done 2",
            "ended");
    RunLayout layout = new RunLayout(directory);
    assertThat(RunFile.read(layout.runFile())).containsEntry("outcome", "finished");
    assertThat(Files.readString(layout.runFile())).contains("a test");
    assertThat(layout.config()).isNotEmptyFile();
  }

  @Test
  void a_run_that_was_stopped_is_resumed_and_keeps_its_settings() throws Exception {
    Path directory = folder.resolve("stopped");
    assertThat(train(SPEC, directory, () -> heard.contains("epoch 2 of 2 batches"))).isFalse();
    assertThat(RunFile.read(new RunLayout(directory).runFile()))
        .containsEntry("outcome", "stopped");
    assertThat(heard).doesNotContain("done 2").endsWith("ended");
    assertThatThrownBy(() -> train(SPEC.withSeed(9), directory, () -> false))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining("seed");
    heard.clear();
    assertThat(train(SPEC, directory, () -> false)).isTrue();
    assertThat(heard).contains("done 2").doesNotContain("done 1");
  }

  @Test
  void what_was_killed_before_its_first_checkpoint_begins_anew() throws Exception {
    Path directory = Files.createDirectory(folder.resolve("killed"));
    Files.writeString(directory.resolve("config.yaml"), "epochs: 7");
    assertThat(train(SPEC, directory, () -> false)).isTrue();
    assertThat(heard).contains("done 1", "done 2");
  }

  @Test
  void a_brief_training_measures_and_leaves_nothing_behind() throws Exception {
    TrainConfig config =
        SPEC.withMode(Mode.TRUSTED_ONLY).withNoise(new NoiseStrength.None()).training();
    List<String> measured = new ArrayList<>();
    List<Place> places =
        new BriefTraining(config, data, display, (what, _, _) -> measured.add(what))
            .residuals(
                folder,
                ResolvedRun.of(SPEC, data, null).plan(),
                List.of(NoiseAlone.RANK, new RankPolicy.Fixed(4)));
    assertThat(places).extracting(Place::layer).containsExactly("conv2", "conv3");
    assertThat(places)
        .allSatisfy(place -> {
          assertThat(place.residuals()).hasSize(2);
          assertThat(place.residuals().get(1).medianNorm())
              .isLessThan(place.residuals().get(0).medianNorm());
        });
    assertThat(measured).containsOnly("measuring images");
    assertThat(heard).startsWith("started 2").endsWith("ended");
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void a_brief_training_that_diverges_leaves_nothing_behind_either() {
    TrainConfig config =
        SPEC.withMode(Mode.TRUSTED_ONLY)
            .withNoise(new NoiseStrength.None())
            .withOptimizer(SPEC.training().optimizer().withLearningRate(3e38f))
            .training();
    BriefTraining brief = new BriefTraining(config, data, display, (_, _, _) -> {});
    assertThatThrownBy(() ->
            brief.residuals(
                folder, ResolvedRun.of(SPEC, data, null).plan(), List.of(NoiseAlone.RANK)))
        .isInstanceOf(TrainingException.class);
    assertThat(heard).endsWith("ended");
    assertThat(folder).isEmptyDirectory();
  }
}
