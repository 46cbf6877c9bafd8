package asymml.trusted.plan;

import asymml.model.Graph;
import asymml.model.Layer.LinearLayer;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Placement.Untrusted;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Where the private data of a training step flow: which inputs are sent and how they are
/// decomposed, which output gradients are sent, and to which parameter gradients the trusted side
/// adds a part of its own. At inference inputs are all.
///
/// Operations are built from it and releases are planned from it ([ReleasePlan]), so that what is
/// computed and what is accounted for cannot differ; a network checks, when it is planned, that
/// each of its operations adds to the very gradients that stand here.
public final class DataFlow {
  /// A place where data are sent: an edge of the graph, and how what crosses it is split.
  ///
  /// @param source the node whose output is sent, or [Graph#INPUT]
  /// @param placement split or untrusted
  public record SiteKey(int source, Placement placement) {}

  /// An input that is sent, once a step, however many layers read it.
  ///
  /// @param key its place
  /// @param name of the first layer that reads it
  /// @param layer that layer's place among the linear layers, from 0
  public record Input(SiteKey key, String name, int layer) {
    /// How it is decomposed.
    ///
    /// @return empty if it is sent whole
    public Optional<Split> decomposed() {
      return key.placement() instanceof Split split && split.keepsPart()
          ? Optional.of(split)
          : Optional.empty();
    }

    /// Whether it is decomposed with a basis for the whole batch, which shows as the null space of
    /// what is sent.
    ///
    /// @return false if each example has directions of its own, or there is no low-rank part
    public boolean sharesBasis() {
      return decomposed().filter(Split::sharesBasis).isPresent();
    }
  }

  /// What one node does with data.
  ///
  /// @param node its number
  /// @param name its name
  /// @param input what is sent of its input; null if it is computed here, and then nothing is
  /// @param sendsGradient whether its output gradient is sent
  /// @param addedHere the trained parameters to whose gradients the trusted side adds a part that
  ///   is no function of what workers return
  /// @param factorFloats the number of values of the trusted part of the weight gradient, in terms
  ///   of the basis, that is sent to a worker that updates the weights; 0 where none is
  public record Layer(
      int node,
      String name,
      @Nullable Input input,
      boolean sendsGradient,
      List<Parameter> addedHere,
      long factorFloats) {
    /// Copies the list.
    public Layer {
      addedHere = List.copyOf(addedHere);
    }

    /// Whether a worker updates its weights.
    ///
    /// @return false if the trusted side does
    public boolean updatedAtWorker() {
      return factorFloats > 0;
    }

    /// Whether workers compute a part of it, and hold its weights.
    ///
    /// @return false if nothing of it is sent
    public boolean isRemote() {
      return input != null;
    }

    /// How many values of parameter gradients the trusted side adds to.
    ///
    /// @return at least 0
    public long valuesAddedHere() {
      return addedHere.stream().mapToLong(Parameter::size).sum();
    }
  }

  private final Graph graph;
  private final List<Layer> layers = new ArrayList<>();
  private final Map<SiteKey, Input> inputs = new LinkedHashMap<>();

  /// Follows the data through a network.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param shield what hides the data of those at workers
  public DataFlow(Graph graph, Plan plan, Shield shield) {
    this(graph, plan, shield, true);
  }

  private DataFlow(Graph graph, Plan plan, Shield shield, boolean training) {
    this.graph = graph;
    int place = 0;
    for (int i = 0; i < graph.nodes().size(); i++) {
      Node node = graph.nodes().get(i);
      List<Parameter> trained =
          graph.parameters(i).stream().filter(p -> training && p.trained()).toList();
      boolean linear = node.layer() instanceof LinearLayer;
      Placement placement = linear ? plan.placement(node.name()) : new Trusted();
      layers.add(
          switch (placement) {
            case Trusted _ -> new Layer(i, node.name(), null, false, trained, 0);
            case Split _, Untrusted _ ->
                training
                    ? remote(i, plan, input(node, placement, place), shield, trained)
                    : new Layer(i, node.name(), input(node, placement, place), false, List.of(), 0);
          });
      place += linear ? 1 : 0;
    }
  }

  /// Follows the images through a network that is not trained: there are no gradients.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param shield what hides the data of those at workers
  /// @return inputs alone are sent
  public static DataFlow ofInference(Graph graph, Plan plan, Shield shield) {
    return new DataFlow(graph, plan, shield, false);
  }

  private Input input(Node node, Placement placement, int place) {
    return inputs.computeIfAbsent(
        new SiteKey(node.inputs().getFirst(), placement),
        key -> new Input(key, node.name(), place));
  }

  private Layer remote(int node, Plan plan, Input input, Shield shield, List<Parameter> trained) {
    String name = graph.nodes().get(node).name();
    boolean heldThere = plan.updatesAtWorker(name);
    if (heldThere && shield.masks()) {
      throw new IllegalArgumentException(
          "under masks no worker has the gradient of weights: it cannot update them");
    }
    return switch (shield) {
      // The worker multiplies what it has: the rest of the product, and sums that are no product,
      // are computed here.
      case Shield.Residual _ ->
          new Layer(
              node,
              name,
              input,
              true,
              trained.stream()
                  .filter(p -> !p.kind().weight() || (input.decomposed().isPresent() && !heldThere))
                  .toList(),
              heldThere ? factorFloats(node, input) : 0);
      // Gradients are computed here; dY is sent only for the gradient of the input.
      case Shield.Shares _ ->
          new Layer(node, name, input, graph.takesGradient(input.key().source()), trained, 0);
    };
  }

  /// `O kH kW` times the directions: the largest rank, and the mean.
  private long factorFloats(int node, Input input) {
    Parameter weight = graph.parameters(node).getFirst();
    int channels = graph.inputShape(node).channels();
    return weight.size() / channels * (directions(input) + 1);
  }

  /// The number of directions of an input's basis at most, without the mean.
  ///
  /// @param input of the network
  /// @return 0 if it is sent whole
  int directions(Input input) {
    int channels = graph.shape(input.key().source()).channels();
    return input.decomposed().map(split -> Math.min(split.rank().most(), channels)).orElse(0);
  }

  /// Whether the basis of an input is sent, to a worker that updates weights.
  ///
  /// @param input of the network
  /// @return false if it only shows in what is sent
  public boolean sendsBasis(Input input) {
    return layers.stream()
        .anyMatch(layer -> layer.updatedAtWorker() && input.equals(layer.input()));
  }

  /// What a node does.
  ///
  /// @param node its number
  /// @return its part in a step
  public Layer layer(int node) {
    return layers.get(node);
  }

  /// What each node does.
  ///
  /// @return one entry for each node, in graph order
  public List<Layer> layers() {
    return Collections.unmodifiableList(layers);
  }

  /// The inputs that are sent.
  ///
  /// @return in graph order
  public Collection<Input> inputs() {
    return Collections.unmodifiableCollection(inputs.values());
  }
}
