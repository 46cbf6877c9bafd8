package asymml.cli;

import asymml.kernels.Kernels;
import asymml.trusted.bench.MachineRates;
import asymml.trusted.bench.PeakMemory;
import asymml.trusted.bench.StepCost;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Plan;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;

/// One call of `asymml bench`.
final class BenchRun {
  private final BenchCommand options;
  private final PrintWriter out;
  private final CommandLine command;
  private final List<BenchPoint> points;
  private final SecureRandom random = new SecureRandom();

  /// Plans what will be measured.
  ///
  /// @throws IllegalArgumentException if model, images and layers do not fit together
  BenchRun(BenchCommand options, CommandLine command) {
    this.options = options;
    this.command = command;
    this.out = command.getOut();
    this.points = options.points();
  }

  /// Measures and reports.
  ///
  /// @return the exit code
  /// @throws IOException if a worker cannot be started or fails, or a file cannot be written
  int run() throws IOException {
    Kernels.setThreads(1);
    MachineRates rates = MachineRates.measure(random);
    Kernels.setThreads(options.threads());
    BenchHeader header = new BenchHeader(options, points, rates);
    header.print(out);
    List<BenchResult> results =
        points.stream().map(point -> new BenchResult(header, point)).toList();
    BenchSweep sweep = options.sweep;
    if (sweep != null && options.warmUp > 0) {
      warmUp(sweep);
    }
    for (int round = 0; round < options.rounds; round++) {
      int warmUp = round == 0 && sweep == null ? options.warmUp : options.warmUp / 3;
      for (int i = 0; i < results.size(); i++) {
        String value = sweep == null ? "" : sweep.place(i) + ", ";
        for (Mode mode : points.get(i).plans().keySet()) {
          say("round %d of %d: %s%s".formatted(round + 1, options.rounds, value, mode.label()));
          measure(results.get(i), mode, warmUp);
        }
      }
    }
    out.println();
    report(sweep == null ? results.getFirst() : new SweepResult(header, sweep, results));
    return ExitCode.OK;
  }

  /// Runs all once: Java compiles in the background, and the first value would pay for it.
  private void warmUp(BenchSweep sweep) throws IOException {
    for (int i = 0; i < points.size(); i++) {
      for (Map.Entry<Mode, Plan> plan : points.get(i).plans().entrySet()) {
        say("warm-up: %s, %s".formatted(sweep.place(i), plan.getKey().label()));
        workers(points.get(i)).use(plan.getValue(), (bench, _) -> bench.run(options.warmUp));
      }
    }
  }

  private void say(String what) {
    out.println(what + " ...");
    out.flush();
  }

  private void report(BenchOutput output) throws IOException {
    output.print(out);
    if (options.json != null) {
      RunFile.write(options.json, output.facts());
      out.println("written  " + options.json);
    }
    if (options.svg != null) {
      if (Charts.hasFonts()) {
        out.println("written  " + String.join(", ", output.draw(options.svg)));
      } else {
        command.getErr().println(Charts.noFonts(options.svg));
      }
    }
    out.flush();
  }

  private void measure(BenchResult result, Mode mode, int warmUp) throws IOException {
    boolean ownPeak = PeakMemory.reset();
    workers(result.point())
        .use(
            result.of(mode).plan(),
            (bench, worker) -> {
              bench.run(Math.max(1, warmUp));
              StepCost cost = bench.run(options.steps);
              result
                  .of(mode)
                  .add(
                      cost,
                      bench.profile(),
                      options.steps,
                      ownPeak
                          ? PeakMemory.bytes(ProcessHandle.current().pid())
                          : OptionalLong.empty(),
                      worker.isPresent()
                          ? PeakMemory.bytes(worker.getAsLong())
                          : OptionalLong.empty());
            });
  }

  private BenchWorkers workers(BenchPoint point) {
    return new BenchWorkers(
        point.graph(),
        point.batchSize(),
        options.terms(),
        options.threads(),
        options.device(),
        options.chunks.number(),
        random);
  }
}
