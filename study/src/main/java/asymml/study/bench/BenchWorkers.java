package asymml.study.bench;

import asymml.kernels.Closer;
import asymml.kernels.TemporaryFolder;
import asymml.model.Graph;
import asymml.session.WorkerLauncher;
import asymml.trusted.bench.StepBench;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.WorkerProcess;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.split.Workers;
import asymml.trusted.split.Workers.Party;
import java.io.IOException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/// Runs benchmarks of plans, with a worker process of their own where they need one.
///
/// @param graph the network
/// @param batchSize images a step
/// @param terms on what terms tensors are released
/// @param processes who computes
/// @param random seeds the noise
/// @param inference whether batches of inference run, in place of training steps
public record BenchWorkers(
    Graph graph,
    int batchSize,
    ReleaseTerms terms,
    BenchSpec.Processes processes,
    SecureRandom random,
    boolean inference) {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  /// Runs training steps.
  ///
  /// @param graph the network
  /// @param batchSize images a step
  /// @param terms on what terms tensors are released
  /// @param processes who computes
  /// @param random seeds the noise
  public BenchWorkers(
      Graph graph,
      int batchSize,
      ReleaseTerms terms,
      BenchSpec.Processes processes,
      SecureRandom random) {
    this(graph, batchSize, terms, processes, random, false);
  }

  /// What is done with a benchmark.
  @FunctionalInterface
  public interface Use {
    /// Runs and reads the benchmark.
    ///
    /// @param bench of the plan
    /// @param worker the worker's process, empty without one
    /// @throws IOException if the worker fails
    void with(StepBench bench, OptionalLong worker) throws IOException;
  }

  /// Plans the network, hands it over, and takes all down again.
  ///
  /// @param plan where its linear layers run
  /// @param use what to do with the benchmark
  /// @throws IOException if the worker cannot be started or fails
  public void use(Plan plan, Use use) throws IOException {
    if (!plan.needsWorker()) {
      try (StepBench bench = bench(plan, null)) {
        use.with(bench, OptionalLong.empty());
      }
      return;
    }
    boolean shares =
        terms instanceof ReleaseTerms.Accounted accounted && accounted.shield().masks();
    try (Own first = new Own();
        Own second = shares ? new Own() : null;
        StepBench bench =
            bench(
                plan,
                new Workers(
                    second == null ? List.of(first.party) : List.of(first.party, second.party),
                    processes.chunks(),
                    processes.verification()))) {
      use.with(bench, OptionalLong.of(first.process.pid()));
    }
  }

  private StepBench bench(Plan plan, @Nullable Workers workers) throws IOException {
    return inference
        ? StepBench.ofInference(graph, plan, batchSize, terms, workers)
        : new StepBench(graph, plan, batchSize, terms, workers);
  }

  /// A worker process of this side's own, and the door to it.
  private final class Own implements AutoCloseable {
    private final Closer owned = new Closer();
    private final WorkerProcess process;
    private final Party party;

    Own() throws IOException {
      try (Closer opened = new Closer()) {
        opened.own(owned);
        TemporaryFolder folder = owned.own(TemporaryFolder.create());
        process =
            owned.own(
                WorkerProcess.start(
                    WorkerLauncher.command(processes.device(), folder.path()),
                    processes.threads(),
                    folder.path().resolve("worker.log"),
                    LIMIT));
        RemoteWorker worker = owned.own(RemoteWorker.connect(process, LIMIT));
        party = new Party(worker, owned.own(new ReleaseDoor(worker, random, processes.threads())));
        opened.release();
      }
    }

    @Override
    public void close() {
      owned.close();
    }
  }
}
