package asymml.cli;

import asymml.model.Graph;
import asymml.trusted.bench.StepBench;
import asymml.trusted.boundary.NoiseStrength;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.WorkerProcess;
import asymml.trusted.execute.Plan;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.OptionalLong;

/// Runs benchmarks of plans, with a worker process of their own where they need one.
///
/// @param graph the network
/// @param batchSize images a step
/// @param noise strength of the noise on residuals
/// @param threads of either process
/// @param device what workers compute on, as `--device` of a worker takes it
/// @param random seeds the noise
record BenchWorkers(
    Graph graph,
    int batchSize,
    NoiseStrength noise,
    int threads,
    String device,
    SecureRandom random) {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  /// What is done with a benchmark.
  interface Use {
    /// Runs and reads the benchmark.
    ///
    /// @param bench of the plan
    /// @param worker the worker's process, empty without one
    void with(StepBench bench, OptionalLong worker) throws IOException;
  }

  /// Half the processors: trusted side and worker share them.
  static int defaultThreads() {
    return Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
  }

  /// Plans the network, hands it over, and takes all down again.
  ///
  /// @throws IOException if the worker cannot be started or fails
  void use(Plan plan, Use use) throws IOException {
    if (!plan.needsWorker()) {
      try (StepBench bench = new StepBench(graph, plan, batchSize, noise, null, null)) {
        use.with(bench, OptionalLong.empty());
      }
      return;
    }
    Path log = Files.createTempFile("asymml-bench-worker", ".log");
    try (WorkerProcess process =
            WorkerProcess.start(WorkerLauncher.command(device), threads, log, LIMIT);
        RemoteWorker worker = RemoteWorker.connect(process, LIMIT);
        ReleaseDoor door = new ReleaseDoor(worker, random, threads);
        StepBench bench = new StepBench(graph, plan, batchSize, noise, worker, door)) {
      use.with(bench, OptionalLong.of(process.pid()));
    } finally {
      Files.deleteIfExists(log);
    }
  }
}
