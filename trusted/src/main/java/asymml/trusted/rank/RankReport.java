package asymml.trusted.rank;

import java.util.ArrayList;
import java.util.List;

/// One analysis of a network at one moment.
///
/// PRIVATE: statistics of private data, which no guarantee covers.
///
/// @param epoch epochs done, from 0
/// @param step steps done
/// @param images examples that were decomposed exactly and checked
/// @param batch examples that ran through the network
/// @param seconds how long it took
/// @param layers linear layers in graph order
/// @param nodes others whose bound was checked, in graph order
public record RankReport(
    int epoch,
    long step,
    int images,
    int batch,
    double seconds,
    List<LayerRanks> layers,
    List<NodeRanks> nodes) {
  /// Copies the lists.
  public RankReport {
    layers = List.copyOf(layers);
    nodes = List.copyOf(nodes);
  }

  /// What broke a bound.
  ///
  /// @return one phrase each; empty if all bounds hold
  public List<String> violations() {
    List<String> found = new ArrayList<>();
    for (LayerRanks layer : layers) {
      if (layer.lowRank().slack() < 0) {
        found.add(
            "%s: W * X_T exceeds its bound by %s"
                .formatted(layer.layer(), -layer.lowRank().slack()));
      }
    }
    for (NodeRanks node : nodes) {
      if (node.slack() < 0) {
        found.add(
            "%s (%s): its rank exceeds the bound by %s"
                .formatted(node.layer(), node.bound(), -node.slack()));
      }
    }
    return found;
  }
}
