package asymml.report;

import asymml.trusted.rank.Figures;
import asymml.trusted.rank.LayerRanks;
import asymml.trusted.rank.NodeRanks;
import asymml.trusted.rank.RankReport;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/// Whether the bounds on ranks hold in an analysis.
///
/// @param report the analysis
public record RankBounds(RankReport report) {
  private static final double LOW = 0.25;
  private static final double HALF = 0.5;
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
            "bound %s: %s at %s nodes, %s images each"
                .formatted(
                    kind,
                    counts[1] == 0 ? "holds" : "BROKEN at " + counts[1] + " of the nodes,",
                    counts[0],
                    report.images())));
    return lines;
  }

  /// Whether all bounds hold and how low the rank is, in a sentence.
  ///
  /// @return the verdict
  public String verdict() {
    String bounds =
        report.violations().isEmpty()
            ? "all bounds hold"
            : "bounds are BROKEN (%s)".formatted(report.violations().size());
    List<LayerRanks> sorted =
        report.layers().stream()
            .filter(layer -> layer.x() != null)
            .sorted(Comparator.comparingDouble(RankBounds::share))
            .toList();
    if (sorted.isEmpty()) {
      return "verdict: " + bounds + "; no layer has an input that is not zero";
    }
    LayerRanks median = sorted.get(sorted.size() / 2);
    Figures x = Objects.requireNonNull(median.x());
    return "verdict: %s; at the median layer (%s) %s of %s directions hold 90 %% of the input's energy: %s"
        .formatted(bounds, median.layer(), x.rank90(), x.spectrum().size(), words(share(median)));
  }

  /// Directions that hold 90 % of an input's energy, over all that it can have.
  private static double share(LayerRanks layer) {
    Figures x = Objects.requireNonNull(layer.x());
    return (double) x.rank90() / x.spectrum().size();
  }

  private static String words(double share) {
    return share <= LOW ? "low rank" : share <= HALF ? "moderately low rank" : "not low rank";
  }

  private static void count(Map<String, int[]> kinds, String kind, int slack) {
    int[] counts = kinds.computeIfAbsent(kind, _ -> new int[2]);
    counts[0]++;
    if (slack < 0) {
      counts[1]++;
    }
  }

  /// The analysis of a run under way.
  ///
  /// @return one line
  public String summary() {
    return String.format(
        Locale.ROOT,
        "rank after epoch %d (private statistics): 2^mu of inputs %s, residual energy %s per example, %s shared (medians of %d"
            + " layers); %s; %.1f s",
        report.epoch(),
        decimal(
            median(
                report.layers().stream()
                    .mapToDouble(l -> l.x() == null ? 0 : l.x().effective())
                    .toArray())),
        asymml.report.Figures.percent(
            median(report.layers().stream().mapToDouble(l -> l.xShares().perExample()).toArray())),
        asymml.report.Figures.percent(
            median(report.layers().stream().mapToDouble(l -> l.xShares().shared()).toArray())),
        report.layers().size(),
        report.violations().isEmpty() ? "bounds hold" : "BOUNDS BROKEN",
        report.seconds());
  }

  private static double median(double[] values) {
    Arrays.sort(values);
    return (values[values.length / 2] + values[(values.length - 1) / 2]) / 2;
  }

  private static String decimal(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }
}
