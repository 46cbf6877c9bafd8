package asymml.cli.options;

import asymml.session.WorkerChoice;
import asymml.study.bench.BenchSpec;
import asymml.trusted.check.Verification;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The two processes of a measurement on this machine.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
public final class ProcessOptions {
  @Option(
      names = "--threads",
      paramLabel = "N",
      description =
          "Threads of either process (default: half the processors, which the two then share).")
  private @Nullable Integer threads;

  @Option(
      names = "--worker",
      paramLabel = "DEVICE",
      defaultValue = WorkerChoice.Local.NAME,
      description = "local, or cuda:N for a GPU of this machine (default: ${DEFAULT-VALUE}).")
  private WorkerChoice.Local worker;

  /// The worker that is started.
  public WorkerChoice.Local worker() {
    return worker;
  }

  /// The processes.
  ///
  /// @param chunks in how many parts the worker gets a batch
  /// @param verification how many steps' results are checked
  /// @throws IllegalArgumentException if a number is out of range
  public BenchSpec.Processes processes(int chunks, Verification verification) {
    return new BenchSpec.Processes(
        threads != null ? threads : BenchSpec.Processes.sharedThreads(),
        worker.device(),
        chunks,
        verification);
  }
}
