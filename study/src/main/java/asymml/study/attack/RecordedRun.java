package asymml.study.attack;

import asymml.session.TrainingSpec;
import asymml.session.WorkerPool;
import asymml.trusted.data.DataSet;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.RunDirectory;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.TrainListener;
import asymml.trusted.train.Trainer;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;

/// A short run with workers of its own, one of which records.
///
/// @param layout where it was
/// @param recording what that worker recorded
/// @param trainAccuracy of the last epoch; empty if training diverged
record RecordedRun(RunLayout layout, Path recording, OptionalDouble trainAccuracy) {
  /// The first step and the weights after it, of 20 million parameters.
  private static final long LIMIT_BYTES = 400_000_000;

  /// Trains.
  ///
  /// @param spec of the run
  /// @param which of the workers records, from 0
  /// @param data whose test images also serve as the public ones of a run that is accounted for
  /// @param directory to create
  /// @throws IOException if files or the worker fail
  static RecordedRun of(TrainingSpec spec, int which, DataSet data, Path directory)
      throws IOException {
    Listener listener = new Listener();
    try (RunDirectory run = RunDirectory.create(directory)) {
      RunLayout layout = run.layout();
      Path recording = directory.resolve("view.rec");
      List<String> record =
          List.of("--record", recording.toString(), "--record-limit", Long.toString(LIMIT_BYTES));
      TrainingSpec recorded =
          spec.withWorkers(
              spec.workers()
                  .withLocalArguments(which == 0 ? List.of(record) : List.of(List.of(), record)));
      try (WorkerPool workers = WorkerPool.open(recorded, layout);
          Trainer trainer =
              new Trainer(spec.training(), data, data.test(), workers.parties(), null)) {
        trainer.run(layout, false, listener, () -> false);
      } catch (TrainingException e) {
        // An answer: with so much noise it does not train. The first steps were recorded.
        return new RecordedRun(layout, recording, OptionalDouble.empty());
      }
      return new RecordedRun(layout, recording, OptionalDouble.of(listener.accuracy));
    }
  }

  private static final class Listener implements TrainListener {
    private double accuracy;

    @Override
    public void epochStarted(int epoch, int batches, int firstBatch) {}

    @Override
    public void stepDone(EpochTotals totals) {}

    @Override
    public void evaluated(int done, int total) {}

    @Override
    public void epochDone(EpochMetrics metrics) {
      accuracy = metrics.trainAccuracy();
    }
  }
}
