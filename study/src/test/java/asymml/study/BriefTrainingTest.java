package asymml.study;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Zoo;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataSet;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.passes.ResidualNorms.Residual;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BriefTrainingTest {
  @TempDir Path folder;

  private final List<String> heard = new ArrayList<>();
  private int tested;

  private final RunDisplay display =
      new RunDisplay() {
        @Override
        public TrainListener started(TrainConfig config) {
          heard.add("started");
          return new TrainListener() {
            @Override
            public void epochStarted(int epoch, int batches, int firstBatch) {
              heard.add(batches + " batches");
            }

            @Override
            public void stepDone(EpochTotals totals) {}

            @Override
            public void evaluated(int done, int total) {
              tested = total;
            }

            @Override
            public void epochDone(EpochMetrics metrics) {}
          };
        }

        @Override
        public void ended() {
          heard.add("ended");
        }
      };

  /// One step of 4 images, and 600 to test on, of which 500 are enough.
  @Test
  void the_residuals_of_few_steps_are_measured_and_few_images_are_tested() throws Exception {
    DataSet data = PlantedModel.data(4, 600, false);
    TrainConfig config =
        TrainingSpec.defaults()
            .training()
            .withMode(Mode.TRUSTED_ONLY)
            .withNoise(new NoiseStrength.None())
            .withBatchSize(4)
            .withEpochs(1);
    Plan plan =
        Plan.of(
            Zoo.build("cnn", PlantedModel.INPUT, 2, config.norm()),
            Mode.ASYMML,
            Decomposition.SHARED,
            new RankPolicy.Fixed(0),
            List.of("first", "conv3", "last"));
    List<String> progress = new ArrayList<>();
    List<Place> places =
        new BriefTraining(
                config,
                data,
                display,
                (what, done, total) -> progress.add(what + " " + done + " of " + total))
            .residuals(
                folder,
                plan,
                List.of(NoiseAlone.RANK, new RankPolicy.Fixed(2), new RankPolicy.Fixed(99)));
    assertThat(heard).containsExactly("started", "1 batches", "ended");
    assertThat(tested).isEqualTo(500);
    assertThat(progress).endsWith("measuring images 4 of 4");
    assertThat(places)
        .singleElement()
        .satisfies(place -> {
          assertThat(place.layer()).isEqualTo("conv2");
          assertThat(place.input()).hasToString("4x4x16");
          // An input has 16 channels: with all of them nothing is left.
          assertThat(place.residuals()).extracting(Residual::rank).containsExactly(0, 2, 16);
          assertThat(place.residuals().get(0).energyShare()).isCloseTo(1, within(1e-9));
          assertThat(place.residuals().get(1).energyShare()).isBetween(0.001, 0.999);
          assertThat(place.residuals().get(2).energyShare()).isCloseTo(0, within(1e-6));
        });
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void a_directory_that_is_not_there_cannot_hold_the_training() {
    TrainConfig config = TrainingSpec.defaults().training().withMode(Mode.TRUSTED_ONLY);
    BriefTraining brief =
        new BriefTraining(config, PlantedModel.data(4, 4, true), new NoRun(), (_, _, _) -> {});
    Plan plan = Plan.trusted(Zoo.build("cnn", PlantedModel.INPUT, 2, config.norm()));
    assertThatThrownBy(() -> brief.residuals(folder.resolve("gone"), plan, List.of()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("gone");
  }

  @Test
  void a_directory_is_deleted_with_all_in_it_but_not_what_links_lead_to() throws Exception {
    Path kept = Files.createDirectory(folder.resolve("kept"));
    Files.writeString(kept.resolve("thesis.txt"), "mine");
    Path deleted = folder.resolve("work");
    Files.createDirectories(deleted.resolve("a/b"));
    Files.writeString(deleted.resolve("a/b/view.rec"), "x");
    Files.createSymbolicLink(deleted.resolve("a/link"), kept);
    Files.createSymbolicLink(deleted.resolve("broken"), folder.resolve("nowhere"));
    BriefTraining.delete(deleted);
    assertThat(deleted).doesNotExist();
    assertThat(kept.resolve("thesis.txt")).hasContent("mine");
    assertThatThrownBy(() -> BriefTraining.delete(deleted)).isInstanceOf(IOException.class);
  }
}
