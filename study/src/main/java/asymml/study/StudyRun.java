package asymml.study;

import asymml.session.ResolvedRun;
import asymml.session.SessionListener;
import asymml.session.TrainingSession;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainListener;
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
/// @param arguments that the program was called with, for the runs' records
/// @param display shows each
/// @param stop whether to stop after the present step
public record StudyRun(List<String> arguments, RunDisplay display, BooleanSupplier stop) {
  /// Copies the list.
  public StudyRun {
    arguments = List.copyOf(arguments);
  }

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
    try (TrainingSession session =
        resume ? TrainingSession.resume(run, directory) : TrainingSession.create(run, directory)) {
      return session
              .arguments(arguments)
              .listener(new Relay(display.started(run.spec().training())))
              .stopWhen(stop)
              .train()
              .outcome()
          != Trainer.Outcome.STOPPED;
    } finally {
      display.ended();
    }
  }

  private static boolean canResume(RunLayout layout) {
    return Stream.of(layout.config(), layout.checkpoint(), layout.ledger())
        .allMatch(Files::isRegularFile);
  }

  /// What a session tells of training, told to a listener that hears of nothing else.
  private record Relay(TrainListener display) implements SessionListener {}
}
