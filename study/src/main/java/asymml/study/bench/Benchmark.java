package asymml.study.bench;

import asymml.kernels.Kernels;
import asymml.trusted.bench.CostLowerBound;
import asymml.trusted.bench.InferenceLowerBound;
import asymml.trusted.bench.MachineRates;
import asymml.trusted.bench.PeakMemory;
import asymml.trusted.bench.StepCost;
import asymml.trusted.bench.Work;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Plan;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/// Measures training steps, or batches of inference, on random images, mode against mode.
public final class Benchmark {
  private final BenchSpec spec;
  private final BenchListener listener;
  private final SecureRandom random = new SecureRandom();
  private final MachineRates rates;

  /// Measures the machine first, which takes about a second.
  ///
  /// @param spec what to measure
  /// @param listener hears how it goes
  public Benchmark(BenchSpec spec, BenchListener listener) {
    this.spec = spec;
    this.listener = listener;
    Kernels.setThreads(1);
    rates = MachineRates.measure(random);
    Kernels.setThreads(spec.processes().threads());
  }

  /// What one core of this machine does a second.
  ///
  /// @return as measured at the beginning
  public MachineRates rates() {
    return rates;
  }

  /// Measures a network.
  ///
  /// @param point what to measure
  /// @return its costs
  /// @throws IOException if a worker cannot be started or fails
  public BenchResult run(BenchPoint point) throws IOException {
    Turns turns = new Turns(point);
    for (int round = 0; round < spec.rounds().rounds(); round++) {
      turns.measure(round, "", round == 0 ? spec.rounds().warmUp() : spec.rounds().warmUp() / 3);
    }
    return turns.result();
  }

  /// Measures a network at each value of a sweep. All run once before any is measured: Java
  /// compiles in the background, and the first value would pay for it.
  ///
  /// @param sweep the values
  /// @return costs by value
  /// @throws IOException if a worker cannot be started or fails
  public SweepResult run(BenchSweep sweep) throws IOException {
    List<Turns> turns = sweep.points(spec).stream().map(Turns::new).toList();
    if (spec.rounds().warmUp() > 0) {
      for (int i = 0; i < turns.size(); i++) {
        turns.get(i).warmUp(sweep.place(i));
      }
    }
    for (int round = 0; round < spec.rounds().rounds(); round++) {
      for (int i = 0; i < turns.size(); i++) {
        turns.get(i).measure(round, sweep.place(i), spec.rounds().warmUp() / 3);
      }
    }
    return new SweepResult(sweep, turns.stream().map(Turns::result).toList());
  }

  /// The turns of one network's modes.
  private final class Turns {
    private final BenchPoint point;
    private final BenchWorkers workers;
    private final Map<Mode, ModeMeasurement> modes = new LinkedHashMap<>();

    Turns(BenchPoint point) {
      this.point = point;
      workers =
          new BenchWorkers(
              point.graph(),
              point.batchSize(),
              spec.terms(),
              spec.processes().verified(point.verification()),
              random,
              spec.inference());
      point
          .plans()
          .forEach((mode, plan) ->
              modes.put(
                  mode, new ModeMeasurement(point.graph(), plan, rates.millis(lowerBound(plan)))));
    }

    private Work lowerBound(Plan plan) {
      return spec.inference()
          ? new InferenceLowerBound(point.graph(), point.batchSize(), spec.split().shield())
              .batch(plan)
          : new CostLowerBound(point.graph(), point.batchSize(), spec.split().shield()).step(plan);
    }

    void warmUp(String place) throws IOException {
      for (Map.Entry<Mode, Plan> plan : point.plans().entrySet()) {
        listener.warmingUp(place, plan.getKey());
        workers.use(plan.getValue(), (bench, _) -> bench.run(spec.rounds().warmUp()));
      }
    }

    void measure(int round, String place, int warmUp) throws IOException {
      for (Map.Entry<Mode, ModeMeasurement> mode : modes.entrySet()) {
        listener.measuring(round + 1, place, mode.getKey());
        measure(mode.getKey(), mode.getValue(), warmUp);
      }
    }

    private void measure(Mode mode, ModeMeasurement measurement, int warmUp) throws IOException {
      boolean ownPeak = PeakMemory.reset();
      int steps = spec.rounds().steps();
      workers.use(
          point.plan(mode),
          (bench, worker) -> {
            bench.run(Math.max(1, warmUp));
            StepCost cost = bench.run(steps);
            measurement.add(
                cost,
                bench.profile()::nanos,
                steps,
                ownPeak ? PeakMemory.bytes(ProcessHandle.current().pid()) : OptionalLong.empty(),
                worker.isPresent() ? PeakMemory.bytes(worker.getAsLong()) : OptionalLong.empty());
          });
    }

    BenchResult result() {
      Map<Mode, ModeCosts> costs = new LinkedHashMap<>();
      modes.forEach((mode, measurement) -> costs.put(mode, measurement.costs()));
      return new BenchResult(point, costs);
    }
  }
}
