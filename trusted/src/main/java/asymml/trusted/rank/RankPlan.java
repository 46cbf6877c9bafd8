package asymml.trusted.rank;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Layer;
import asymml.trusted.passes.LayerPass;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// At which rank each node is looked at: linear layers at that of the plan's policy, whether the
/// plan splits them or not; others at what the policy gives the next linear layer for as many
/// channels as they have.
final class RankPlan {
  private final Map<Integer, Integer> ranks = new HashMap<>();
  private final Map<Integer, double[][]> weights = new HashMap<>();

  RankPlan(Graph graph, LayerPass pass, RankPolicy policy, Decomposition decomposition) {
    List<Integer> linear = graph.linearLayers();
    int layer = 0;
    for (int node = 0; node < graph.nodes().size(); node++) {
      if (graph.nodes().get(node).layer() instanceof Layer.LinearLayer) {
        Tensor x = pass.output(graph.nodes().get(node).inputs().getFirst());
        ranks.put(
            node, EnergyShares.rank(x, layer, policy.resolve(layer, x.length(3)), decomposition));
        weights.put(node, filters(pass.weight(node)));
        layer++;
      } else {
        int channels = graph.inputShape(node).channels();
        ranks.put(node, policy.resolve(Math.min(layer, linear.size() - 1), channels).most());
      }
    }
  }

  /// `[O][kH kW C]`.
  private static double[][] filters(Tensor weight) {
    float[] values = weight.toArray();
    double[][] rows = new double[weight.length(0)][values.length / weight.length(0)];
    for (int i = 0; i < values.length; i++) {
      rows[i / rows[0].length][i % rows[0].length] = values[i];
    }
    return rows;
  }

  /// Directions of what a node reads that count as its low-rank part.
  int rank(int node) {
    return ranks.getOrDefault(node, 0);
  }

  /// A linear layer's weights `[O][kH kW C]`.
  double[][] weights(int node) {
    double[][] found = weights.get(node);
    if (found == null) {
      throw new IllegalArgumentException("node " + node + " is not linear");
    }
    return found;
  }
}
