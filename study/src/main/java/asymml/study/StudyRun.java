package asymml.study;

import asymml.session.ResolvedRun;
import asymml.session.Settings;
import asymml.session.WorkerPool;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunDirectory;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Trainer;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/// Trains runs of a study, each in a directory of its own and with worker processes of its own.
///
/// @param recorder writes what each was made with
/// @param display shows each
/// @param stop whether to stop after the present step
public record StudyRun(RunRecorder recorder, RunDisplay display, BooleanSupplier stop) {
  /// Settings that a resumed run may change: they do not change what it computes, but for rounding.
  public static final List<String> FREE_ON_RESUME =
      List.of(
          "data",
          "analyze-every",
          "threads",
          "worker",
          "tls-trust",
          "wire",
          "chunks",
          "worker-timeout",
          Settings.OUT);

  /// Trains a run, or resumes it where its directory holds a checkpoint.
  ///
  /// @param run what to train, of the same settings as before if it is resumed
  /// @param directory of the run
  /// @return false if it was stopped, and saved
  /// @throws IOException if a file cannot be written or a worker fails
  /// @throws TrainingException if training diverged
  public boolean train(ResolvedRun run, Path directory) throws IOException, TrainingException {
    boolean resume = canResume(new RunLayout(directory));
    if (!resume && Files.isDirectory(directory)) {
      // Killed before its first checkpoint.
      BriefTraining.delete(directory);
    }
    try (RunDirectory opened =
        resume ? RunDirectory.resume(directory) : RunDirectory.create(directory)) {
      RunLayout layout = opened.layout();
      try {
        boolean finished = train(run, layout, resume);
        recorder.write(run, layout, finished ? "finished" : "stopped");
        return finished;
      } catch (IOException | TrainingException e) {
        recorder.write(run, layout, "failed: " + e.getMessage());
        throw e;
      }
    }
  }

  private static boolean canResume(RunLayout layout) {
    return Stream.of(layout.config(), layout.checkpoint(), layout.ledger())
        .allMatch(Files::isRegularFile);
  }

  private boolean train(ResolvedRun run, RunLayout layout, boolean resume)
      throws IOException, TrainingException {
    try (WorkerPool workers = WorkerPool.open(run.spec(), layout);
        Trainer trainer =
            new Trainer(
                run.spec().training(),
                run.data(),
                run.publicImages(),
                workers.parties(),
                resume ? LedgerFile.read(layout.ledger()) : null)) {
      Settings.of(run.spec()).write(layout.config());
      recorder.write(run, layout, "running");
      return trainer.run(layout, resume, display.started(run.spec().training()), stop)
          != Trainer.Outcome.STOPPED;
    } finally {
      display.ended();
    }
  }
}
