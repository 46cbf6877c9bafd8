package asymml.cli.table;

import asymml.model.Graph;
import asymml.report.Figures;
import asymml.session.RunRecord;
import asymml.study.Decimal;
import asymml.study.bench.BenchPoint;
import asymml.study.bench.BenchResult;
import asymml.study.bench.BenchSpec;
import asymml.study.bench.BenchSweep;
import asymml.study.bench.ModeCosts;
import asymml.study.bench.SweepResult;
import asymml.trusted.bench.MachineRates;
import asymml.trusted.bench.StepCost;
import asymml.trusted.check.Verification;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Update;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.stream.Collectors;

/// Benchmarks as text.
///
/// @param spec what is measured
/// @param out where to
public record BenchTable(BenchSpec spec, PrintWriter out) {
  /// What is measured, where, and with what.
  ///
  /// @param points what is measured, at least one
  /// @param rates of this machine
  /// @param worker in words
  public void printHeader(List<BenchPoint> points, MachineRates rates, String worker) {
    Graph graph = points.getFirst().graph();
    int grouped = graph.weightedLayers().size() - graph.linearLayers().size();
    out.printf(
        "model    %s%s, batch %s of %s, %s norm; %s linear layers%s%n",
        spec.inference() ? "inference of " : "",
        graph.name(),
        each(points, BenchPoint::batchSize),
        each(points, point -> point.graph().input()),
        spec.network().norm().name().toLowerCase(Locale.ROOT),
        graph.linearLayers().size(),
        grouped == 0 ? "" : ", %s grouped convolutions, always trusted".formatted(grouped));
    out.printf(
        "plan     shield %s, rank %s, %s decomposition, noise ratio %s; trusted whole: %s%n",
        spec.split().shield(),
        each(points, BenchPoint::rank),
        spec.split().decomposition().label(),
        Decimal.plain(spec.split().noiseRatio()),
        String.join(", ", spec.split().trustedLayers()));
    out.printf(
        Locale.ROOT,
        "machine  %d processors, %d thread(s) a process; one core: %.0f GFLOP/s in products, %.0f"
            + " GB/s in copies, %.2f ns a sample of noise%n",
        Runtime.getRuntime().availableProcessors(),
        spec.processes().threads(),
        rates.gflops(),
        rates.gigabytes(),
        rates.noiseNanos());
    int chunks = spec.processes().chunks();
    out.println(
        "worker   "
            + worker
            + (chunks == 1 ? "" : ", batches in %s chunks".formatted(chunks))
            + (spec.split().update() == Update.WORKER ? ", updates weights of split layers" : "")
            + (spec.processes().verification().equals(Verification.OFF)
                ? ""
                : ", results checked: " + spec.processes().verification()));
    out.printf("trusted  this process; %s%n", RunRecord.NOT_PROTECTED);
    out.flush();
  }

  /// A property of the points, once where they share it.
  private static String each(List<BenchPoint> points, Function<BenchPoint, Object> property) {
    return points.stream()
        .map(property)
        .distinct()
        .map(Object::toString)
        .collect(Collectors.joining(" | "));
  }

  /// The costs of a step.
  public void print(BenchResult result) {
    StringBuilder head =
        new StringBuilder("%-20s".formatted(spec.inference() ? "per batch" : "per step"));
    result.modes().keySet().forEach(mode -> head.append(" %16s".formatted(mode.label())));
    out.println(head);
    row(result, "wall ms", m -> decimal(m.cost().wallMillis()));
    StringBuilder images = new StringBuilder("%-20s".formatted("images/s"));
    result
        .modes()
        .keySet()
        .forEach(mode -> images.append(" %16s".formatted(decimal(result.imagesPerSecond(mode)))));
    out.println(images);
    row(result, "trusted CPU ms", m -> decimal(m.cost().trustedCpuMillis()));
    row(result, "worker CPU ms", m -> decimal(m.cost().workerCpuMillis()));
    row(result, "to worker", m -> Figures.bytes(m.cost().bytesToWorker()));
    row(result, "from worker", m -> Figures.bytes(m.cost().bytesFromWorker()));
    row(result, "peak memory", m -> peak(m.trustedPeak()));
    row(result, "  of the worker", m -> peak(m.workerPeak()));
    out.println("the trusted side's time, ms:");
    for (Phase phase : Phase.values()) {
      row(result, "  " + phase.label(), m -> decimal(m.millis(phase)));
    }
    row(result, "lower bound, CPU ms", m -> decimal(m.lowerBoundMillis()));
    row(result, "  CPU over it", m -> decimal(m.overLowerBound()));
    result.modes().forEach((mode, costs) -> printLayers(result, mode, costs));
    out.println();
    result
        .trustedCostRatio()
        .ifPresent(ratio ->
            out.printf(
                Locale.ROOT,
                "trusted-cost ratio  %.2f: trusted CPU of trusted-only over that of asymml%n",
                ratio));
    result
        .largestTrustedCostRatio()
        .ifPresent(ratio ->
            out.printf(
                Locale.ROOT,
                "                    %.2f at most: measured trusted-only over the lower bound of"
                    + " asymml%n",
                ratio));
  }

  private void printLayers(BenchResult result, Mode mode, ModeCosts costs) {
    List<Phase> used =
        List.of(Phase.values()).stream().filter(phase -> costs.millis(phase) >= 0.005).toList();
    out.println();
    out.println(mode.label() + " by layer, with what follows it, ms:");
    StringBuilder head = new StringBuilder("%-24s %-16s".formatted("layer", "placement"));
    used.forEach(phase -> head.append(" %15s".formatted(phase.label())));
    out.println(head);
    for (String layer : costs.layers().keySet()) {
      StringBuilder line =
          new StringBuilder("%-24s %-16s".formatted(layer, result.placement(mode, layer)));
      used.forEach(
          phase -> line.append(String.format(Locale.ROOT, " %15.2f", costs.millis(layer, phase))));
      out.println(line);
    }
  }

  /// What the times would be if the trusted side were slower.
  public void printProjection(BenchResult result, double slowdown) {
    out.printf(
        Locale.ROOT,
        "PROJECTION, not measured: a TEE %s times as slow, a worker and waits as here:%n",
        Decimal.plain(slowdown));
    row(result, "  wall ms", m -> decimal(m.projectedMillis(slowdown)));
    result
        .projectedRatio(slowdown)
        .ifPresent(ratio -> out.printf(Locale.ROOT, "  asymml %.2f times as fast%n", ratio));
  }

  private void row(BenchResult result, String name, Function<ModeCosts, String> value) {
    StringBuilder line = new StringBuilder("%-20s".formatted(name));
    result.modes().values().forEach(m -> line.append(" %16s".formatted(value.apply(m))));
    out.println(line);
  }

  /// The costs of an image at each value.
  public void print(SweepResult result) {
    BenchSweep sweep = result.sweep();
    int width = "per image".length();
    for (int i = 0; i < result.results().size(); i++) {
      width = Math.max(width, sweep.place(i).length());
    }
    String row = "%-" + width + "s  %-14s  %14s  %13s  %8s  %9s  %11s  %12s  %5s%n";
    out.printf(
        row,
        "per image",
        "mode",
        "trusted CPU ms",
        "worker CPU ms",
        "wall ms",
        "to worker",
        "from worker",
        "trusted peak",
        "ratio");
    for (int i = 0; i < result.results().size(); i++) {
      printPerImage(result.results().get(i), row, sweep.place(i));
    }
    out.println();
    out.println("ratio         trusted CPU of trusted-only over that of asymml");
    out.println(
        "trusted peak  of the process, not of an image: the most that was resident while the row"
            + " was measured, warm-up included");
  }

  private void printPerImage(BenchResult result, String row, String place) {
    int batch = result.point().batchSize();
    result
        .modes()
        .forEach((mode, costs) -> {
          StepCost cost = costs.cost();
          out.printf(
              row,
              place,
              mode.label(),
              millis(cost.trustedCpuMillis() / batch),
              millis(cost.workerCpuMillis() / batch),
              millis(cost.wallMillis() / batch),
              Figures.bytes(cost.bytesToWorker() / batch),
              Figures.bytes(cost.bytesFromWorker() / batch),
              peak(costs.trustedPeak()),
              mode == Mode.ASYMML ? ratio(result.trustedCostRatio()) : "");
        });
  }

  private static String millis(double millis) {
    return String.format(Locale.ROOT, "%.3f", millis);
  }

  private static String decimal(double value) {
    return String.format(Locale.ROOT, "%.2f", value);
  }

  private static String ratio(OptionalDouble ratio) {
    return ratio.isPresent() ? decimal(ratio.getAsDouble()) : "";
  }

  private static String peak(OptionalLong bytes) {
    return bytes.isPresent() ? Figures.bytes(bytes.getAsLong()) : "-";
  }
}
