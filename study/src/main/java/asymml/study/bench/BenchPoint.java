package asymml.study.bench;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.trusted.check.Verification;
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
/// @param verification how many steps' results are checked
/// @param plans by mode, in the order in which they take turns
public record BenchPoint(
    Graph graph, int batchSize, RankPolicy rank, Verification verification, Map<Mode, Plan> plans) {
  private static final int CLASSES = 10;

  /// Copies the map.
  public BenchPoint {
    plans = Collections.unmodifiableMap(new LinkedHashMap<>(plans));
  }

  /// Builds the network and plans each mode.
  ///
  /// @param spec what to measure
  /// @return the network and its plans
  /// @throws IllegalArgumentException if model, images and layers do not fit together
  public static BenchPoint of(BenchSpec spec) {
    BenchSpec.Network network = spec.network();
    BenchSpec.Split split = spec.split();
    Graph graph =
        network
            .model()
            .graph(new Shape(network.imageSize(), network.imageSize(), 3), CLASSES, network.norm());
    Map<Mode, Plan> plans = new LinkedHashMap<>();
    for (Mode mode : split.modes()) {
      plans.put(
          mode,
          Plan.of(graph, mode, split.decomposition(), split.rank(), split.trustedLayers())
              .updatedBy(graph, split.update()));
    }
    return new BenchPoint(
        graph, network.batchSize(), split.rank(), spec.processes().verification(), plans);
  }

  /// The plan of a mode.
  ///
  /// @param mode one of those planned
  /// @return where linear layers run
  /// @throws IllegalArgumentException if the mode is not planned
  public Plan plan(Mode mode) {
    Plan plan = plans.get(mode);
    if (plan == null) {
      throw new IllegalArgumentException(mode.label() + " is not planned");
    }
    return plan;
  }

  /// Network, batch and images in words.
  ///
  /// @return a title
  public String title() {
    return "%s, batch %s of %s".formatted(graph.name(), batchSize, graph.input());
  }
}
