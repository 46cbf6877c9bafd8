package asymml.cli;

import asymml.kernels.Kernels;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.bench.Floor;
import asymml.trusted.bench.MachineRates;
import asymml.trusted.bench.PeakMemory;
import asymml.trusted.bench.StepCost;
import asymml.trusted.execute.Mode;
import asymml.trusted.execute.Plan;
import java.io.IOException;
import java.io.PrintWriter;
import java.security.SecureRandom;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;

/// One call of `asymml bench`.
final class BenchRun {
  private static final int CLASSES = 10;

  private final BenchCommand options;
  private final PrintWriter out;
  private final CommandLine command;
  private final Graph graph;
  private final BenchWorkers workers;
  private final Map<Mode, Plan> plans = new LinkedHashMap<>();

  /// Plans what will be measured.
  ///
  /// @throws IllegalArgumentException if model, images and layers do not fit together
  BenchRun(BenchCommand options, CommandLine command) {
    this.options = options;
    this.command = command;
    this.out = command.getOut();
    Shape image = new Shape(options.imageSize, options.imageSize, 3);
    this.graph = Zoo.build(options.model, image, CLASSES, options.norm);
    this.workers =
        new BenchWorkers(
            graph,
            options.batchSize,
            options.terms(),
            options.threads(),
            options.device(),
            new SecureRandom());
    for (Mode mode : options.modes) {
      plans.put(
          mode, Plan.of(graph, mode, options.decomposer, options.rank(), options.trustedLayers));
    }
  }

  /// Measures and reports.
  ///
  /// @return the exit code
  /// @throws IOException if a worker cannot be started or fails, or a file cannot be written
  int run() throws IOException {
    Kernels.setThreads(1);
    MachineRates rates = MachineRates.measure(workers.random());
    Kernels.setThreads(options.threads());
    BenchResult result = new BenchResult(options, graph, rates);
    result.printHeader(out);
    plans.forEach((mode, plan) ->
        result.add(
            mode,
            plan,
            rates.millis(new Floor(graph, options.batchSize, options.shield.shield()).step(plan))));
    for (int round = 0; round < options.rounds; round++) {
      for (Mode mode : plans.keySet()) {
        out.printf("round %d of %d: %s ...%n", round + 1, options.rounds, mode.label());
        out.flush();
        measure(result.of(mode), round == 0 ? options.warmUp : options.warmUp / 3);
      }
    }
    out.println();
    result.print(out);
    if (options.json != null) {
      result.writeJson(options.json);
      out.println("written  " + options.json);
    }
    if (options.svg != null) {
      if (Charts.hasFonts()) {
        out.println("written  " + String.join(", ", BenchChart.write(result, options.svg)));
      } else {
        command.getErr().println(Charts.noFonts(options.svg));
      }
    }
    out.flush();
    return ExitCode.OK;
  }

  private void measure(BenchResult.OfMode result, int warmUp) throws IOException {
    boolean ownPeak = PeakMemory.reset();
    workers.use(
        result.plan(),
        (bench, worker) -> {
          bench.run(Math.max(1, warmUp));
          StepCost cost = bench.run(options.steps);
          result.add(
              cost,
              bench.profile(),
              options.steps,
              ownPeak ? PeakMemory.bytes(ProcessHandle.current().pid()) : OptionalLong.empty(),
              worker.isPresent() ? PeakMemory.bytes(worker.getAsLong()) : OptionalLong.empty());
        });
  }
}
