package asymml.study;

import asymml.kernels.TemporaryFolder;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.Progress;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.run.RunDirectory;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.ResidualSurvey;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.Trainer;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/// A short training wholly on the trusted side, so that activations are those of a network that has
/// learned something; the model is not kept.
///
/// @param config of the training, without a worker
/// @param data what is trained on
/// @param display shows the training
/// @param progress hears how far the measuring is
public record BriefTraining(
    TrainConfig config, DataSet data, RunDisplay display, Progress progress) {
  /// Training evaluates after each epoch; the result is not used.
  private static final int TEST_IMAGES = 500;

  /// Trains, and takes the norms of what split layers would release.
  ///
  /// @param directory an existing one, for what is written in between
  /// @param plan which layers' inputs would be released, and how they are decomposed
  /// @param ranks how many directions to keep
  /// @return one entry for each input that would be released
  /// @throws IOException if a file cannot be written
  /// @throws TrainingException if training diverged
  public List<Place> residuals(Path directory, Plan plan, List<RankPolicy> ranks)
      throws IOException, TrainingException {
    try (TemporaryFolder folder = TemporaryFolder.create(directory);
        RunDirectory run = RunDirectory.create(folder.path().resolve("warm-up"))) {
      train(run.layout());
      try (TrainedModel model = TrainedModel.read(run.layout().checkpoint())) {
        return ResidualSurvey.of(
            model,
            data.train(),
            plan,
            ranks,
            config.batchSize(),
            (done, total) -> progress.update("measuring images", done, total));
      }
    }
  }

  private void train(RunLayout layout) throws IOException, TrainingException {
    DataSet few =
        new DataSet(
            data.name(),
            data.train(),
            data.test().subset(Math.min(TEST_IMAGES, data.test().size()), config.seed()),
            data.normalization(),
            data.flip(),
            data.cropPadding());
    try (Trainer trainer = new Trainer(config, few, null, null)) {
      trainer.run(layout, false, display.started(config), () -> false);
    } finally {
      display.ended();
    }
  }

  /// Deletes a directory and all in it.
  ///
  /// @param directory an existing one
  /// @throws IOException if a file cannot be deleted
  public static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
