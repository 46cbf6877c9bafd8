package asymml.report;

import asymml.trusted.rank.LayerRanks;
import asymml.trusted.rank.NodeRanks;
import asymml.trusted.rank.RankReport;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Whether the bounds on ranks hold in an analysis.
///
/// @param report the analysis
public record RankBounds(RankReport report) {
  private static final String CONVOLUTION = "convolution: min(sum rank(patches), k^2 r, O, P_out)";

  /// Whether the bounds hold.
  ///
  /// @return a line for each kind of bound
  public List<String> lines() {
    Map<String, int[]> kinds = new LinkedHashMap<>();
    for (LayerRanks layer : report.layers()) {
      count(kinds, CONVOLUTION, layer.lowRank().slack());
    }
    for (NodeRanks node : report.nodes()) {
      count(kinds, node.bound(), node.slack());
    }
    List<String> lines = new ArrayList<>();
    kinds.forEach((kind, counts) ->
        lines.add(
            "bound %s: %s at %d nodes, %d images each"
                .formatted(
                    kind,
                    counts[1] == 0 ? "holds" : "BROKEN at " + counts[1] + " of the nodes,",
                    counts[0],
                    report.images())));
    return lines;
  }

  private static void count(Map<String, int[]> kinds, String kind, int slack) {
    int[] counts = kinds.computeIfAbsent(kind, _ -> new int[2]);
    counts[0]++;
    if (slack < 0) {
      counts[1]++;
    }
  }
}
