package asymml.trusted.bench;

import asymml.model.Graph;
import asymml.model.Node;
import asymml.trusted.plan.RankPolicy;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;

/// Chooses, for each linear layer, whether it is split and at which rank: the cheapest for the
/// trusted side whose residual has at most a share of an input's energy.
///
/// The energy decides the rank, the cost the placement: more directions never cost less. Layers
/// that read one input are decided together, since it is decomposed and released once for all.
public final class Planner {
  /// What one linear layer costs the trusted side, waiting left out.
  ///
  /// @param trustedMillis where all of it stays
  /// @param splitMillis where it is split, at rank 0
  /// @param millisPerDirection what each direction adds
  public record Cost(double trustedMillis, double splitMillis, double millisPerDirection) {
    /// The cost at a rank.
    ///
    /// @param rank the rank
    /// @return milliseconds a step
    public double split(int rank) {
      return splitMillis + rank * millisPerDirection;
    }

    /// The line through two measurements; noise of the measurement does not make it fall.
    ///
    /// @param trustedMillis measured where all of it stays
    /// @param rank a rank
    /// @param millis measured at it
    /// @param largerRank another
    /// @param largerMillis measured at that
    /// @return the cost of any rank
    public static Cost between(
        double trustedMillis, int rank, double millis, int largerRank, double largerMillis) {
      if (largerRank <= rank) {
        return new Cost(trustedMillis, Math.max(millis, largerMillis), 0);
      }
      double slope = Math.max(0, (largerMillis - millis) / (largerRank - rank));
      double middle = (millis + largerMillis) / 2;
      return new Cost(
          trustedMillis, Math.max(0, middle - slope * (rank + largerRank) / 2.0), slope);
    }
  }

  /// What is to be done with one linear layer.
  ///
  /// @param layer its name
  /// @param rank the rank if it is split; 0 if it stays trusted
  /// @param energyLeft share of its input's energy in the residual; 0 if it stays trusted
  /// @param trustedMillis predicted where all of it stays
  /// @param splitMillis predicted at the rank that the energy asks for; NaN if there is none
  /// @param reason why
  public record Choice(
      String layer,
      int rank,
      double energyLeft,
      double trustedMillis,
      double splitMillis,
      String reason) {
    /// Whether it is split.
    ///
    /// @return false if it stays trusted
    public boolean split() {
      return rank > 0;
    }

    /// What the choice costs.
    ///
    /// @return milliseconds a step
    public double millis() {
      return split() ? splitMillis : trustedMillis;
    }
  }

  private final Graph graph;
  private final double energy;
  private final Set<String> kept;

  /// Sets the rules.
  ///
  /// @param graph the network
  /// @param energy the largest share of an input's energy that a residual may hold, in (0, 1)
  /// @param kept layers that stay trusted whatever they cost
  public Planner(Graph graph, double energy, Set<String> kept) {
    if (!(energy > 0 && energy < 1)) {
      throw new IllegalArgumentException(
          "the residual's share of the energy must be in (0, 1): " + energy);
    }
    this.graph = graph;
    this.energy = energy;
    this.kept = Set.copyOf(kept);
  }

  /// Chooses.
  ///
  /// @param costs by layer name
  /// @param shares by the name of the first layer that reads an input and is not kept: the share of
  ///   its energy left at each rank
  /// @return one choice for each linear layer, in graph order
  public List<Choice> choose(
      Map<String, Cost> costs, Map<String, NavigableMap<Integer, Double>> shares) {
    Map<Integer, List<String>> bySource = new LinkedHashMap<>();
    for (int index : graph.linearLayers()) {
      Node node = graph.nodes().get(index);
      if (!kept.contains(node.name())) {
        bySource.computeIfAbsent(node.inputs().getFirst(), _ -> new ArrayList<>()).add(node.name());
      }
    }
    Map<String, Choice> chosen = new LinkedHashMap<>();
    for (List<String> readers : bySource.values()) {
      choose(readers, costs, of(shares, readers.getFirst()), chosen);
    }
    return graph.linearLayers().stream()
        .map(index -> graph.nodes().get(index).name())
        .map(name ->
            kept.contains(name)
                ? new Choice(
                    name, 0, 0, of(costs, name).trustedMillis(), Double.NaN, "trusted by choice")
                : of(chosen, name))
        .toList();
  }

  private void choose(
      List<String> readers,
      Map<String, Cost> costs,
      NavigableMap<Integer, Double> shares,
      Map<String, Choice> chosen) {
    int rank =
        shares.entrySet().stream()
            .filter(entry -> entry.getKey() > 0 && entry.getValue() <= energy)
            .mapToInt(Map.Entry::getKey)
            .min()
            .orElse(0);
    double trusted = readers.stream().mapToDouble(name -> of(costs, name).trustedMillis()).sum();
    double split = readers.stream().mapToDouble(name -> of(costs, name).split(rank)).sum();
    boolean splits = rank > 0 && split < trusted;
    String reason =
        rank == 0 ? "too much energy left" : splits ? "less expensive" : "more expensive to split";
    for (String name : readers) {
      Cost cost = of(costs, name);
      chosen.put(
          name,
          new Choice(
              name,
              splits ? rank : 0,
              splits ? of(shares, rank) : 0,
              cost.trustedMillis(),
              rank == 0 ? Double.NaN : cost.split(rank),
              reason));
    }
  }

  private static <K, V> V of(Map<K, V> map, K key) {
    V value = map.get(key);
    if (value == null) {
      throw new IllegalArgumentException("nothing was measured for " + key);
    }
    return value;
  }

  /// The ranks of a choice as `--rank` takes them.
  ///
  /// @param choices as [#choose] gave them
  /// @return a number for each linear layer
  public static RankPolicy ranks(List<Choice> choices) {
    return new RankPolicy.PerLayer(choices.stream().map(Choice::rank).toList());
  }

  /// The layers of a choice that stay trusted, as `--trusted-layers` takes them.
  ///
  /// @param choices as [#choose] gave them
  /// @return names
  public static List<String> trusted(List<Choice> choices) {
    return choices.stream().filter(choice -> !choice.split()).map(Choice::layer).toList();
  }
}
