package asymml.study.plan;

import asymml.model.Graph;
import asymml.trusted.bench.Planner.Cost;
import asymml.trusted.plan.RankPolicy;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Milliseconds of one step of the trusted side, waiting left out.
///
/// @param nodes by node
/// @param rest what belongs to no node
record LayerTimes(List<Double> nodes, double rest) {
  LayerTimes {
    nodes = List.copyOf(nodes);
  }

  double total() {
    return rest + nodes.stream().mapToDouble(Double::doubleValue).sum();
  }

  /// Times at a rank.
  ///
  /// @param rank of all split layers
  /// @param times measured at it
  record AtRank(RankPolicy rank, LayerTimes times) {}

  /// What each linear layer costs, trusted and at any rank.
  static Map<String, Cost> costs(Graph graph, LayerTimes whole, AtRank low, AtRank high) {
    Map<String, Cost> costs = new HashMap<>();
    List<Integer> linear = graph.linearLayers();
    for (int i = 0; i < linear.size(); i++) {
      int node = linear.get(i);
      int channels = graph.inputShape(node).channels();
      costs.put(
          graph.nodes().get(node).name(),
          Cost.between(
              whole.nodes.get(node),
              low.rank.resolve(i, channels).most(),
              low.times.nodes.get(node),
              high.rank.resolve(i, channels).most(),
              high.times.nodes.get(node)));
    }
    return costs;
  }

  /// What lies between the linear layers, and the update: the same in every plan.
  static double between(Graph graph, LayerTimes... all) {
    double sum = 0;
    for (LayerTimes times : all) {
      sum += times.rest;
      for (int node = 0; node < times.nodes.size(); node++) {
        sum += graph.linearLayers().contains(node) ? 0 : times.nodes.get(node);
      }
    }
    return sum / all.length;
  }
}
