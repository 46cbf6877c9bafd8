package asymml.study.bench;

import asymml.model.Graph;
import asymml.trusted.bench.StepCost;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.plan.Plan;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/// Adds up the rounds of one mode.
final class ModeMeasurement {
  /// What belongs to no layer.
  private static final String NO_LAYER = "whole step";

  private final Graph graph;
  private final Plan plan;
  private final double lowerBoundMillis;
  private final List<StepCost> rounds = new ArrayList<>();
  private final Map<String, Map<Phase, Double>> millis = new LinkedHashMap<>();
  private int steps;
  private OptionalLong trustedPeak = OptionalLong.empty();
  private OptionalLong workerPeak = OptionalLong.empty();

  /// The time that went into one kind of work at one node.
  interface Profile {
    /// The time of one kind of work.
    ///
    /// @param node a node's number; the number of nodes stands for what belongs to none
    long nanos(int node, Phase phase);
  }

  ModeMeasurement(Graph graph, Plan plan, double lowerBoundMillis) {
    this.graph = graph;
    this.plan = plan;
    this.lowerBoundMillis = lowerBoundMillis;
  }

  /// Adds a round.
  ///
  /// @param count its steps
  void add(
      StepCost cost,
      Profile profile,
      int count,
      OptionalLong trustedPeakBytes,
      OptionalLong workerPeakBytes) {
    rounds.add(cost);
    steps += count;
    trustedPeak = larger(trustedPeak, trustedPeakBytes);
    workerPeak = larger(workerPeak, workerPeakBytes);
    String layer = graph.nodes().getFirst().name();
    for (int node = 0; node <= graph.nodes().size(); node++) {
      layer = layerOf(node, layer);
      Map<Phase, Double> row = millis.computeIfAbsent(layer, _ -> new EnumMap<>(Phase.class));
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

  /// What was added up.
  ModeCosts costs() {
    Map<String, Map<Phase, Double>> layers = new LinkedHashMap<>();
    millis.forEach((layer, row) -> {
      Map<Phase, Double> mean = new EnumMap<>(Phase.class);
      row.forEach((phase, sum) -> mean.put(phase, sum / steps));
      layers.put(layer, mean);
    });
    return new ModeCosts(plan, lowerBoundMillis, rounds, layers, trustedPeak, workerPeak);
  }
}
