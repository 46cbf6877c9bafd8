package asymml.cli;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/// What is measured: a network on batches of one size, with a plan for each mode.
///
/// @param graph the network
/// @param batchSize images a step
/// @param rank of split layers
/// @param plans by mode, in the order in which they take turns
record BenchPoint(Graph graph, int batchSize, RankPolicy rank, Map<Mode, Plan> plans) {
  private static final int CLASSES = 10;

  BenchPoint {
    plans = Collections.unmodifiableMap(new LinkedHashMap<>(plans));
  }

  /// Plans what options ask for, at one size and rank.
  ///
  /// @throws IllegalArgumentException if model, images and layers do not fit together
  static BenchPoint of(BenchCommand options, int imageSize, int batchSize, RankPolicy rank) {
    Graph graph =
        Zoo.build(options.model, new Shape(imageSize, imageSize, 3), CLASSES, options.norm);
    Map<Mode, Plan> plans = new LinkedHashMap<>();
    for (Mode mode : options.modes) {
      plans.put(mode, Plan.of(graph, mode, options.decomposer, rank, options.trustedLayers));
    }
    return new BenchPoint(graph, batchSize, rank, plans);
  }

  String title() {
    return "%s, batch %d of %s".formatted(graph.name(), batchSize, graph.input());
  }

  /// For a file.
  Map<String, Object> facts() {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("input", graph.input().toString());
    facts.put("batchSize", batchSize);
    facts.put("rank", rank.toString());
    return facts;
  }
}
