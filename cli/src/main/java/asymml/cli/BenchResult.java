package asymml.cli;

import asymml.model.Graph;
import asymml.trusted.bench.Floor;
import asymml.trusted.bench.StepCost;
import asymml.trusted.execute.Mode;
import asymml.trusted.execute.Placement;
import asymml.trusted.execute.Plan;
import asymml.trusted.execute.StepProfile;
import asymml.trusted.execute.StepProfile.Phase;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.function.Function;

/// The figures of a benchmark.
final class BenchResult implements BenchOutput {
  /// What belongs to no layer.
  private static final String NO_LAYER = "whole step";

  private final BenchHeader header;
  private final BenchCommand options;
  private final BenchPoint point;
  private final Graph graph;
  private final Map<Mode, OfMode> modes = new LinkedHashMap<>();

  /// The figures of a mode.
  static final class OfMode {
    private final Graph graph;
    private final Plan plan;
    private final double floorMillis;
    private final List<StepCost> costs = new ArrayList<>();
    private final Map<String, Map<Phase, Double>> layers = new LinkedHashMap<>();
    private int steps;
    private OptionalLong trustedPeak = OptionalLong.empty();
    private OptionalLong workerPeak = OptionalLong.empty();

    private OfMode(Graph graph, Plan plan, double floorMillis) {
      this.graph = graph;
      this.plan = plan;
      this.floorMillis = floorMillis;
    }

    Plan plan() {
      return plan;
    }

    /// Adds a round.
    void add(
        StepCost cost,
        StepProfile profile,
        int count,
        OptionalLong trustedPeakBytes,
        OptionalLong workerPeakBytes) {
      costs.add(cost);
      steps += count;
      trustedPeak = larger(trustedPeak, trustedPeakBytes);
      workerPeak = larger(workerPeak, workerPeakBytes);
      String layer = graph.nodes().getFirst().name();
      for (int node = 0; node <= graph.nodes().size(); node++) {
        layer = layerOf(node, layer);
        Map<Phase, Double> row = layers.computeIfAbsent(layer, _ -> new EnumMap<>(Phase.class));
        for (Phase phase : Phase.values()) {
          row.merge(phase, profile.nanos(node, phase) / 1e6, Double::sum);
        }
      }
    }

    /// A linear layer, with all that follows it until the next one.
    private String layerOf(int node, String before) {
      if (node == graph.nodes().size()) {
        return NO_LAYER;
      }
      return graph.linearLayers().contains(node) ? graph.nodes().get(node).name() : before;
    }

    private static OptionalLong larger(OptionalLong a, OptionalLong b) {
      return a.isEmpty()
          ? b
          : b.isEmpty() ? a : OptionalLong.of(Math.max(a.getAsLong(), b.getAsLong()));
    }

    OptionalLong trustedPeak() {
      return trustedPeak;
    }

    StepCost cost() {
      return StepCost.mean(costs);
    }

    /// The layers' names, in order.
    List<String> layers() {
      return List.copyOf(layers.keySet());
    }

    /// Milliseconds a step of one kind of work at a layer.
    double millis(String layer, Phase phase) {
      return Objects.requireNonNull(layers.get(layer)).getOrDefault(phase, 0.0) / steps;
    }

    /// Milliseconds a step of one kind of work.
    double millis(Phase phase) {
      return layers.keySet().stream().mapToDouble(layer -> millis(layer, phase)).sum();
    }
  }

  /// Begins without measurements.
  BenchResult(BenchHeader header, BenchPoint point) {
    this.header = header;
    this.options = header.options();
    this.point = point;
    this.graph = point.graph();
    Floor floor = new Floor(graph, point.batchSize(), options.shield.shield());
    point
        .plans()
        .forEach((mode, plan) ->
            modes.put(mode, new OfMode(graph, plan, header.rates().millis(floor.step(plan)))));
  }

  BenchPoint point() {
    return point;
  }

  OfMode of(Mode mode) {
    return Objects.requireNonNull(modes.get(mode));
  }

  Map<Mode, OfMode> modes() {
    return modes;
  }

  /// Processor seconds of `trusted-only` over those of the trusted process in `asymml`; empty if
  /// one of them was not measured.
  OptionalDouble trustedCostRatio() {
    return ratio(m -> m.cost().trustedCpuMillis());
  }

  private OptionalDouble ratio(Function<OfMode, Double> cost) {
    OfMode whole = modes.get(Mode.TRUSTED_ONLY);
    OfMode split = modes.get(Mode.ASYMML);
    return whole == null || split == null
        ? OptionalDouble.empty()
        : OptionalDouble.of(cost.apply(whole) / cost.apply(split));
  }

  @Override
  public void print(PrintWriter out) {
    row(out, "per step", m -> label(m));
    row(out, "wall ms", m -> decimal(m.cost().wallMillis()));
    row(out, "trusted CPU ms", m -> decimal(m.cost().trustedCpuMillis()));
    row(out, "worker CPU ms", m -> decimal(m.cost().workerCpuMillis()));
    row(out, "to worker", m -> Figures.bytes(m.cost().bytesToWorker()));
    row(out, "from worker", m -> Figures.bytes(m.cost().bytesFromWorker()));
    row(out, "peak memory", m -> peak(m.trustedPeak));
    row(out, "  of the worker", m -> peak(m.workerPeak));
    out.println("the trusted side's time, ms:");
    for (Phase phase : Phase.values()) {
      row(out, "  " + phase.label(), m -> decimal(m.millis(phase)));
    }
    row(out, "floor, CPU ms", m -> decimal(m.floorMillis));
    row(out, "  CPU over floor", m -> decimal(m.cost().trustedCpuMillis() / m.floorMillis));
    modes.forEach((mode, m) -> printLayers(out, mode, m));
    out.println();
    trustedCostRatio()
        .ifPresent(ratio -> {
          out.printf(
              Locale.ROOT,
              "trusted-cost ratio  %.2f: trusted CPU of trusted-only over that of asymml%n",
              ratio);
          out.printf(
              Locale.ROOT,
              "                    %.2f at most: measured trusted-only over the floor of asymml%n",
              of(Mode.TRUSTED_ONLY).cost().trustedCpuMillis() / of(Mode.ASYMML).floorMillis);
        });
    if (options.enclaveSlowdown != null) {
      printProjection(out, options.enclaveSlowdown);
    }
  }

  private void printLayers(PrintWriter out, Mode mode, OfMode m) {
    List<Phase> used =
        List.of(Phase.values()).stream().filter(phase -> m.millis(phase) >= 0.005).toList();
    out.println();
    out.println(mode.label() + " by layer, with what follows it, ms:");
    StringBuilder head = new StringBuilder("%-24s %-16s".formatted("layer", "placement"));
    used.forEach(phase -> head.append(" %15s".formatted(phase.label())));
    out.println(head);
    for (String layer : m.layers()) {
      StringBuilder line = new StringBuilder("%-24s %-16s".formatted(layer, placement(m, layer)));
      used.forEach(
          phase -> line.append(String.format(Locale.ROOT, " %15.2f", m.millis(layer, phase))));
      out.println(line);
    }
  }

  private String placement(OfMode m, String layer) {
    return switch (m.plan.layers().get(layer)) {
      case null -> "";
      case Placement.Trusted _ -> "trusted";
      case Placement.Untrusted _ -> "untrusted";
      case Placement.Split(var _, var rank) -> "split, rank " + rank.most();
    };
  }

  /// Waiting does not grow with the slowdown; it may shrink, which is left out.
  private void printProjection(PrintWriter out, double slowdown) {
    out.printf(
        Locale.ROOT,
        "PROJECTION, not measured: a TEE %s times as slow, a worker and waits as here:%n",
        Figures.plain(slowdown));
    row(out, "  wall ms", m -> decimal(projected(m, slowdown)));
    ratio(m -> projected(m, slowdown))
        .ifPresent(ratio -> out.printf(Locale.ROOT, "  asymml %.2f times as fast%n", ratio));
  }

  private static double projected(OfMode m, double slowdown) {
    double wait = m.millis(Phase.WAIT);
    return slowdown * (m.cost().wallMillis() - wait) + wait;
  }

  private void row(PrintWriter out, String name, Function<OfMode, String> figure) {
    StringBuilder line = new StringBuilder("%-20s".formatted(name));
    modes.values().forEach(m -> line.append(" %16s".formatted(figure.apply(m))));
    out.println(line);
  }

  private String label(OfMode wanted) {
    return modes.entrySet().stream()
        .filter(e -> e.getValue() == wanted)
        .map(e -> e.getKey().label())
        .findFirst()
        .orElseThrow();
  }

  private static String decimal(double value) {
    return String.format(Locale.ROOT, "%.2f", value);
  }

  static String peak(OptionalLong bytes) {
    return bytes.isPresent() ? Figures.bytes(bytes.getAsLong()) : "-";
  }

  @Override
  public Map<String, Object> facts() {
    Map<String, Object> facts = header.facts();
    facts.putAll(point.facts());
    Map<String, Object> byMode = new LinkedHashMap<>();
    modes.forEach((mode, m) -> byMode.put(mode.label(), facts(m)));
    facts.put("modes", byMode);
    trustedCostRatio().ifPresent(ratio -> facts.put("trustedCostRatio", ratio));
    if (options.enclaveSlowdown != null) {
      Map<String, Object> projection = new LinkedHashMap<>();
      projection.put("enclaveSlowdown", options.enclaveSlowdown);
      modes.forEach((mode, m) ->
          projection.put(mode.label() + "WallMillis", projected(m, options.enclaveSlowdown)));
      facts.put("projectionNotMeasured", projection);
    }
    return facts;
  }

  @Override
  public List<String> draw(Path file) throws IOException {
    return BenchChart.write(this, file);
  }

  private Map<String, Object> facts(OfMode m) {
    Map<String, Object> facts = new LinkedHashMap<>();
    StepCost cost = m.cost();
    facts.put("wallMillis", cost.wallMillis());
    facts.put("trustedCpuMillis", cost.trustedCpuMillis());
    facts.put("trustedCpuMillisByRound", m.costs.stream().map(StepCost::trustedCpuMillis).toList());
    facts.put("workerCpuMillis", cost.workerCpuMillis());
    facts.put("bytesToWorker", cost.bytesToWorker());
    facts.put("bytesFromWorker", cost.bytesFromWorker());
    m.trustedPeak.ifPresent(bytes -> facts.put("trustedPeakBytes", bytes));
    m.workerPeak.ifPresent(bytes -> facts.put("workerPeakBytes", bytes));
    facts.put("floorCpuMillis", m.floorMillis);
    facts.put("phasesMillis", phases(m::millis));
    Map<String, Object> layers = new LinkedHashMap<>();
    for (String layer : m.layers()) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("placement", placement(m, layer));
      row.putAll(phases(phase -> m.millis(layer, phase)));
      layers.put(layer, row);
    }
    facts.put("layersMillis", layers);
    return facts;
  }

  private static Map<String, Double> phases(Function<Phase, Double> millis) {
    Map<String, Double> phases = new LinkedHashMap<>();
    for (Phase phase : Phase.values()) {
      phases.put(phase.label(), millis.apply(phase));
    }
    return phases;
  }
}
