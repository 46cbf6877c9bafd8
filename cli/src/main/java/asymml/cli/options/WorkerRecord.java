package asymml.cli.options;

import asymml.session.TrainingSpec;
import asymml.session.WorkerChoice;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// What a worker that `train` starts is told to keep. No setting of a run: it changes nothing that
/// is computed, and a resumed run has a worker of its own.
public final class WorkerRecord {
  @Option(
      names = "--worker-record",
      paramLabel = "FILE",
      description =
          "Have the worker started by this command record all that it receives and computes in"
              + " FILE, which must not exist ('asymml worker --record'); of two workers, the one"
              + " with the masks in FILE.masks.")
  private @Nullable Path file;

  @Option(
      names = "--worker-record-limit",
      paramLabel = "SIZE",
      description = "Most bytes of that, such as 500M (default: the worker's, 1G).")
  private @Nullable String limit;

  /// Whether anything of it was asked for.
  public boolean isGiven() {
    return file != null || limit != null;
  }

  /// The options of each worker.
  ///
  /// @throws IllegalArgumentException if no worker is started here
  public List<List<String>> arguments(TrainingSpec spec) {
    if (file == null) {
      if (limit != null) {
        throw new IllegalArgumentException("--worker-record-limit goes with --worker-record");
      }
      return List.of();
    }
    List<WorkerChoice> workers = spec.usedWorkers();
    if (workers.isEmpty()) {
      throw new IllegalArgumentException(
          "--worker-record needs a worker, and --mode trusted-only starts none");
    }
    if (!workers.stream().allMatch(WorkerChoice.Local.class::isInstance)) {
      throw new IllegalArgumentException(
          "--worker-record is for a worker that this command starts: start this one with --record");
    }
    if (!spec.training().shield().masks() && workers.size() > 1) {
      throw new IllegalArgumentException(
          "--worker-record is for one worker: each of several would record its own examples only");
    }
    if (spec.workers().chunks() > 1) {
      throw new IllegalArgumentException("--worker-record records whole batches: omit --chunks");
    }
    return List.of(keeping(file.toString()), keeping(file + ".masks"));
  }

  private List<String> keeping(String path) {
    List<String> arguments = new ArrayList<>(List.of("--record", path));
    if (limit != null) {
      arguments.addAll(List.of("--record-limit", limit));
    }
    return arguments;
  }
}
