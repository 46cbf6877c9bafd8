package asymml.trusted.train;

import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.train.Checkpoint.Position;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/// The end of an epoch: evaluates, logs, and only then moves the checkpoint on. A run that dies in
/// between repeats the epoch, or if it is accounted for the evaluation, and replaces its line.
///
/// @param run what is computed
/// @param scorer of the network under training
/// @param checkpoint of the run
/// @param log of metrics and events
/// @param listener hears how it goes
record EpochEnd(
    RunPlan run, Scorer scorer, RunCheckpoint checkpoint, EpochLog log, TrainListener listener) {
  /// Evaluates the network under training.
  interface Scorer {
    GradientStage.Score score(
        ImageSet images, Normalization normalization, Evaluator.Progress progress)
        throws IOException, TrainingException;

    /// Evaluates it here.
    static Scorer of(Evaluator evaluator) {
      return (images, normalization, progress) -> {
        Evaluator.Score score = evaluator.score(images, normalization, progress);
        return new GradientStage.Score(score.loss(), score.accuracy());
      };
    }
  }

  /// Ends an epoch.
  ///
  /// @param position after its last step
  /// @return the position before the next epoch
  Position finish(Position position) throws IOException, TrainingException {
    EpochTotals totals = position.totals();
    GradientStage.Score score = score(position);
    int leftOut = run.data().leftOut().size();
    boolean validated = run.data().validation() != null;
    Position next = new Position(position.epoch() + 1, position.step(), EpochTotals.ZERO);
    EpochMetrics line =
        new EpochMetrics(
            next.epoch(),
            next.step(),
            totals.meanLoss(),
            totals.accuracy(),
            validated ? null : score.loss(),
            validated ? null : score.accuracy(),
            run.schedule().at(next.step() - 1),
            totals.imagesPerSecond(),
            totals.cost().trustedCpuSeconds(),
            totals.cost().workerCpuSeconds(),
            totals.cost().bytesToWorker(),
            totals.cost().bytesFromWorker(),
            validated ? score.loss() : null,
            validated ? score.accuracy() : null,
            leftOut == 0 ? null : leftOut);
    log.append(line);
    checkpoint.save(next);
    if (run.config().choosesBest() && log.best() == line.epoch()) {
      checkpoint.saveBest(next);
    }
    listener.epochDone(line);
    return next;
  }

  /// Whether validation has not improved for as many epochs as are waited for.
  ///
  /// @param epoch how many are done
  /// @return false in a run that does not stop early
  boolean isStalled(int epoch) {
    int patience = run.config().validation().patience();
    return patience > 0 && log.best() > 0 && epoch - log.best() >= patience;
  }

  /// In a run that is accounted for the epoch's steps are spent, and a kill must not lose them:
  /// they are saved first, and taken back if it turns out that training has diverged.
  private GradientStage.Score score(Position position) throws IOException, TrainingException {
    if (!run.config().privacy().accounted()) {
      return score(position.step() - 1);
    }
    Path file = checkpoint.file();
    Path tested = file.resolveSibling("checkpoint.tested.safetensors");
    Files.copy(file, tested, StandardCopyOption.REPLACE_EXISTING);
    checkpoint.save(position);
    try {
      return score(position.step() - 1);
    } catch (TrainingException e) {
      Files.move(tested, file, StandardCopyOption.ATOMIC_MOVE);
      throw e;
    } finally {
      Files.deleteIfExists(tested);
    }
  }

  private GradientStage.Score score(long lastStep) throws IOException, TrainingException {
    try {
      return scorer.score(run.data().heldOut(), run.normalization(), listener::evaluated);
    } catch (TrainingException e) {
      throw Divergence.at(
          lastStep,
          "the outputs on the %s images are no longer finite"
              .formatted(run.data().validation() == null ? "test" : "validation"),
          e);
    }
  }
}
