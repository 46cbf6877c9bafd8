package asymml.study;

import asymml.session.ResolvedRun;
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

/// Trains runs of a study, each in a directory of its own.
public final class StudyRun {
  /// Settings that a resumed run may change: they do not change what it computes, but for rounding.
  public static final List<String> FREE_ON_RESUME =
      List.of(
          "data", "analyze-every", "threads", "worker", "tls-trust", "wire", "chunks",
          "worker-timeout", "out");

  public enum Outcome { FINISHED, STOPPED }

  private StudyRun() {}

  public static Outcome train(ResolvedRun run, Path directory, List<String> arguments, RunDisplay display, BooleanSupplier stop) throws IOException, TrainingException {
    throw new IllegalStateException();
  }
}
