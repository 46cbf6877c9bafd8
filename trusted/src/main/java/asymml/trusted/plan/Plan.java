package asymml.trusted.plan;

import asymml.model.Graph;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Placement.Untrusted;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/// Where each linear layer of a graph runs, and how many directions of its input stay: data beside
/// the graph, never inside it. Ranks are resolved here, once: no other code asks a [RankPolicy]
/// about a layer.
///
/// @param layers placement by node name, in graph order
/// @param update who updates the weights of split layers with a shared basis
public record Plan(Map<String, Placement> layers, Update update) {
  /// Stands for the first linear layer in a list of layers to keep trusted.
  public static final String FIRST = "first";

  /// Stands for the last linear layer, the classifier, whose output gradient spells the labels.
  public static final String LAST = "last";

  /// Copies the map.
  public Plan {
    layers = Collections.unmodifiableMap(new LinkedHashMap<>(layers));
  }

  /// A plan whose weights are all updated on the trusted side.
  ///
  /// @param layers placement by node name, in graph order
  public Plan(Map<String, Placement> layers) {
    this(layers, Update.TRUSTED);
  }

  /// The same with weights updated elsewhere.
  ///
  /// @param graph the network
  /// @param next who updates those of split layers with a shared basis
  /// @return a plan; where there are no such layers, the trusted side updates all
  /// @throws IllegalArgumentException if a worker would update weights that are used standardised
  public Plan updatedBy(Graph graph, Update next) {
    Plan plan = new Plan(layers, next);
    for (int i : graph.linearLayers()) {
      String name = graph.nodes().get(i).name();
      if (plan.updatesAtWorker(name)
          && graph.parameters(i).getFirst().kind() == Parameter.Kind.STANDARDIZED_WEIGHT) {
        throw new IllegalArgumentException(
            "the worker cannot update the weights of "
                + name
                + ", which are used standardised (norm group): use update trusted or norm batch");
      }
    }
    return plan.heldWeights().isEmpty() ? new Plan(layers) : plan;
  }

  /// Whether a worker holds a layer's weights and updates them.
  ///
  /// @param name a linear layer's node name
  /// @return false if the trusted side does
  public boolean updatesAtWorker(String name) {
    return update == Update.WORKER
        && layers.get(name) instanceof Split split
        && split.sharesBasis();
  }

  /// The weights that a worker holds and updates.
  ///
  /// @return names of parameters
  public Set<String> heldWeights() {
    return layers.keySet().stream()
        .filter(this::updatesAtWorker)
        .map(name -> name + ".weight")
        .collect(Collectors.toUnmodifiableSet());
  }

  /// The plan of a mode. Layers that read one input are decomposed together: the rank of the first
  /// of them that is split is that of all.
  ///
  /// @param graph the network
  /// @param mode what the run is for
  /// @param decomposition used where layers are split
  /// @param rank used where layers are split, except in `dp-only`, which has no low-rank part
  /// @param trusted names of layers that stay trusted in `asymml` and `dp-only`; [#FIRST] for the
  ///   first one
  /// @return one placement for each linear layer
  /// @throws IllegalArgumentException if a name is not a linear layer of the graph, or the rank has
  ///   numbers for more layers than it has
  public static Plan of(
      Graph graph, Mode mode, Decomposition decomposition, RankPolicy rank, List<String> trusted) {
    List<String> names =
        graph.linearLayers().stream().map(i -> graph.nodes().get(i).name()).toList();
    List<String> kept =
        trusted.stream()
            .map(name ->
                switch (name) {
                  case FIRST -> names.getFirst();
                  case LAST -> names.getLast();
                  default -> name;
                })
            .toList();
    for (String name : kept) {
      if (!names.contains(name)) {
        throw new IllegalArgumentException(
            "'" + name + "' is no linear layer of " + graph.name() + "; it has " + names);
      }
    }
    rank.check(names.size());
    Map<String, Placement> layers = new LinkedHashMap<>();
    Map<Integer, Split> splits = new HashMap<>();
    for (int place = 0; place < names.size(); place++) {
      String name = names.get(place);
      // A frozen layer needs no gradient, and its output changes only with the image.
      if (graph.nodes().get(graph.linearLayers().get(place)).frozen()) {
        layers.put(name, new Trusted());
        continue;
      }
      layers.put(
          name,
          switch (mode) {
            case TRUSTED_ONLY -> new Trusted();
            case UNTRUSTED_ONLY -> new Untrusted();
            case ASYMML ->
                kept.contains(name)
                    ? new Trusted()
                    : split(graph, place, decomposition, rank, splits);
            case DP_ONLY ->
                kept.contains(name) ? new Trusted() : new Split(Decomposition.SHARED, Rank.NONE);
          });
    }
    return new Plan(layers);
  }

  /// Resolves a layer's rank, unless a layer before it reads the same input and has resolved it.
  private static Split split(
      Graph graph,
      int place,
      Decomposition decomposition,
      RankPolicy policy,
      Map<Integer, Split> bySource) {
    int node = graph.linearLayers().get(place);
    Shape input = graph.inputShape(node);
    return bySource.computeIfAbsent(
        graph.nodes().get(node).inputs().getFirst(),
        _ -> {
          Rank rank = policy.resolve(place, input.channels());
          return new Split(
              decomposition,
              switch (decomposition) {
                case SHARED -> rank;
                // An example has no more directions than pixels.
                case PER_EXAMPLE -> rank.atMost(input.pixels());
              });
        });
  }

  /// A plan with everything on the trusted side.
  ///
  /// @param graph the network
  /// @return all layers trusted
  public static Plan trusted(Graph graph) {
    return of(graph, Mode.TRUSTED_ONLY, Decomposition.SHARED, new RankPolicy.Fixed(0), List.of());
  }

  /// The placement of a layer.
  ///
  /// @param name a linear layer's node name
  /// @return its placement
  /// @throws IllegalArgumentException if the plan does not name it
  public Placement placement(String name) {
    Placement placement = layers.get(name);
    if (placement == null) {
      throw new IllegalArgumentException("the plan says nothing of layer " + name);
    }
    return placement;
  }

  /// Whether a basis is found for whole batches anywhere.
  ///
  /// @return false if none is
  public boolean sharesBases() {
    return layers.values().stream().anyMatch(p -> p instanceof Split split && split.sharesBasis());
  }

  /// Refuses layers that need a worker where there is none.
  ///
  /// @throws IllegalArgumentException naming the first of them
  public void requireTrusted() {
    layers.forEach((name, placement) -> {
      if (placement.needsWorker()) {
        throw new IllegalArgumentException(
            "layer " + name + " is " + placement + ", which needs a worker");
      }
    });
  }

  /// Whether any layer needs a worker.
  ///
  /// @return false if all layers are trusted
  public boolean needsWorker() {
    return layers.values().stream().anyMatch(Placement::needsWorker);
  }
}
