package asymml.verify;

import asymml.kernels.Elementwise;
import asymml.kernels.Kernels;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.boundary.NoiseStrength;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.WorkerProcess;
import asymml.trusted.decompose.RankPolicy;
import asymml.trusted.execute.Mode;
import asymml.trusted.execute.Network;
import asymml.trusted.execute.Parameters;
import asymml.trusted.execute.Placement.Decomposition;
import asymml.trusted.execute.Plan;
import asymml.trusted.execute.SplitContext;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/// Times whole training steps of one mode: milliseconds, CPU milliseconds of either process, and
/// what the release door takes of the trusted one's. The door's time is a clock's: its share is
/// meant for one thread, and other load on the machine makes it look larger.
///
/// `StepBenchmark MODEL BATCH MODE RANK STEPS THREADS`, for example `StepBenchmark vgg16 32
/// trusted-only 1/8 10 2`; compare with [BareLoop], the same primitives without a graph.
public final class StepBenchmark {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final int WARM_UP = 4;
  private static final int CLASSES = 10;

  private StepBenchmark() {}

  /// Runs the benchmark.
  ///
  /// @param args as above
  /// @throws IOException if the worker cannot be started or fails
  public static void main(String[] args) throws IOException {
    Graph graph = Zoo.build(args[0], new Shape(32, 32, 3), CLASSES, Zoo.Norm.BATCH);
    int batch = Integer.parseInt(args[1]);
    Mode mode = Mode.valueOf(args[2].replace('-', '_').toUpperCase(Locale.ROOT));
    RankPolicy rank = RankPolicy.parse(args[3]);
    int steps = Integer.parseInt(args[4]);
    int threads = Integer.parseInt(args[5]);
    Kernels.setThreads(threads);
    Plan plan = Plan.of(graph, mode, Decomposition.SHARED, rank, List.of(Plan.FIRST));
    if (!plan.needsWorker()) {
      try (Parameters parameters = new Parameters(graph, new Initializer(1), true);
          Network network = Network.forTraining(graph, plan, batch, parameters, null, 1)) {
        report(args, new Run(network, parameters, null, null, batch).time(steps), batch);
      }
      return;
    }
    Path log = Files.createTempFile("asymml-worker", ".log");
    try (WorkerProcess process = WorkerProcess.start(command(), threads, log, LIMIT);
        RemoteWorker worker = RemoteWorker.connect(process, LIMIT);
        ReleaseDoor door = new ReleaseDoor(worker, new SecureRandom(), threads);
        Parameters parameters = new Parameters(graph, new Initializer(1), true);
        SplitContext context =
            new SplitContext(graph, plan, batch, new NoiseStrength.Ratio(0.1), worker, door);
        Network network = Network.forTraining(graph, plan, batch, parameters, context, 1)) {
      worker.mapRegion(network.regionBytes());
      report(args, new Run(network, parameters, worker, door, batch).time(steps), batch);
    } finally {
      Files.deleteIfExists(log);
    }
  }

  private static List<String> command() {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--add-modules",
        "jdk.incubator.vector",
        "--enable-native-access=ALL-UNNAMED",
        "-cp",
        System.getProperty("java.class.path"),
        "asymml.untrusted.Main");
  }

  private static void report(String[] args, double[][] figures, int batch) {
    double[] medians = Arrays.stream(figures).mapToDouble(StepBenchmark::median).toArray();
    System.out.printf(
        Locale.ROOT,
        "%s: %.1f ms a step (%.1f images/s), CPU %.1f ms trusted, %.1f ms worker;"
            + " door %.1f ms, %.1f %% of trusted%n",
        String.join(" ", args),
        medians[0],
        1000 * batch / medians[0],
        medians[1],
        medians[2],
        medians[3],
        100 * medians[3] / medians[1]);
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  /// One network on fixed random images.
  private record Run(
      Network network,
      Parameters parameters,
      @Nullable RemoteWorker worker,
      @Nullable ReleaseDoor door,
      int batch) {
    /// Wall, trusted CPU, worker CPU and door milliseconds of each step.
    double[][] time(int steps) throws IOException {
      SplittableRandom random = new SplittableRandom(1);
      for (long i = 0; i < network.input().size(); i++) {
        network.input().set(i, (float) random.nextGaussian());
      }
      int[] labels = random.ints(batch, 0, CLASSES).toArray();
      double[][] figures = new double[4][steps];
      for (int step = -WARM_UP; step < steps; step++) {
        double[] before = clocks();
        step(labels, step + WARM_UP);
        double[] after = clocks();
        for (int k = 0; k < 4 && step >= 0; k++) {
          figures[k][step] = after[k] - before[k];
        }
      }
      return figures;
    }

    private void step(int[] labels, long step) throws IOException {
      network.forward(step);
      SoftmaxCrossEntropy.evaluate(network.logits(), labels, 0, network.logitsGradient());
      network.backward();
      for (Parameter p : parameters.all()) {
        if (p.kind().trained()) {
          Elementwise.sgd(
              parameters.value(p.name()),
              parameters.velocity(p.name()),
              parameters.gradient(p.name()),
              1e-4f,
              0.9f,
              5e-4f);
        }
      }
      parameters.changed();
    }

    private double[] clocks() {
      double cpu =
          ProcessHandle.current().info().totalCpuDuration().map(Duration::toNanos).orElse(0L);
      return new double[] {
        System.nanoTime() / 1e6,
        cpu / 1e6,
        worker == null ? 0 : worker.workerCpuNanos() / 1e6,
        door == null ? 0 : door.busyNanos() / 1e6
      };
    }
  }
}
