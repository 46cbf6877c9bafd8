package asymml.cli;

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
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/// A moment of training wholly on the trusted side, so that activations are those of a network that
/// has learned something; the model is not kept.
///
/// @param config of the training, without a worker
/// @param data what is trained on
/// @param seed chooses the test images
/// @param progress how to show it
/// @param out where to
record BriefTraining(
    TrainConfig config, DataSet data, long seed, TrainCommand.Progress progress, PrintWriter out) {
  /// Training evaluates after each epoch; nobody looks at the result.
  private static final int TEST_IMAGES = 500;

  /// Trains, and takes the norms of what split layers would release.
  ///
  /// @param directory an existing one, for what is written in between
  /// @param plan which layers' inputs would leave, and how they are decomposed
  /// @param ranks how many directions to keep
  /// @param batchSize examples at a time
  /// @return one entry for each input that would leave
  List<Place> residuals(Path directory, Plan plan, List<RankPolicy> ranks, int batchSize)
      throws IOException, TrainingException {
    Path temporary = directory.resolve("warm-up");
    try (RunDirectory run = RunDirectory.create(temporary)) {
      train(run.layout());
      Progress reporter = DataOpening.reporter(out);
      try (TrainedModel model = TrainedModel.read(run.layout().checkpoint())) {
        return ResidualSurvey.of(
            model,
            data.train(),
            plan,
            ranks,
            batchSize,
            (done, total) -> reporter.update("measuring images", done, total));
      }
    } finally {
      delete(temporary);
    }
  }

  private void train(RunLayout layout) throws IOException, TrainingException {
    DataSet few =
        new DataSet(
            data.name(),
            data.train(),
            data.test().subset(Math.min(TEST_IMAGES, data.test().size()), seed),
            data.normalization(),
            data.flip(),
            data.cropPadding());
    try (TrainDisplay display = TrainCommand.display(progress, out, config);
        Trainer trainer = new Trainer(config, few, null, null)) {
      trainer.run(layout, false, display, () -> false);
    }
  }

  /// Deletes a directory and all in it.
  static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
