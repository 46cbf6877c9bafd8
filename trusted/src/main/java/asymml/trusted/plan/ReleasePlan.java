package asymml.trusted.plan;

import asymml.model.Graph;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Placement.Untrusted;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What leaves in one step of training, release by release: a pure function of network, plan and
/// terms, so that a run can be accounted for before it begins, and the door knows what to expect.
public final class ReleasePlan {
  private static final String EXACT = "sent unprotected";
  private static final String MEDIAN_NOISE = "the clip bound follows private data";
  private static final String BATCH_BASIS =
      "fitted to private batches, and visible as the null space of the residuals";

  /// How many times larger the noise multiplier of masks is than that of weight gradients, where
  /// both are accounted for: masks come off again and cost but bits, so that nearly all of the
  /// budget is for what stays in the weights.
  static final double MASKS_OVER_NOISE = 10;

  private static final String PUBLIC_BASIS =
      "fitted to public images, but by a network whose weights carry private data";

  private final Graph graph;
  private final Plan plan;
  private final ReleaseTerms terms;
  private final Map<SiteKey, String> sites = new LinkedHashMap<>();

  /// A place where data leave: an edge of the graph, and how what crosses it is split.
  ///
  /// @param source the node whose output leaves, or [Graph#INPUT]
  /// @param placement split or untrusted
  public record SiteKey(int source, Placement placement) {}

  /// Plans the releases of a network.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param terms on what terms tensors leave
  public ReleasePlan(Graph graph, Plan plan, ReleaseTerms terms) {
    this.graph = graph;
    this.plan = plan;
    this.terms = terms;
    for (int i : graph.linearLayers()) {
      String name = graph.nodes().get(i).name();
      if (!(plan.placement(name) instanceof Trusted)) {
        sites.putIfAbsent(site(i), name);
      }
    }
  }

  /// The terms.
  ///
  /// @return as given
  public ReleaseTerms terms() {
    return terms;
  }

  /// What hides the data.
  ///
  /// @return the shield of the terms; [Shield.Residual] where nothing is accounted for
  public Shield shield() {
    return terms instanceof ReleaseTerms.Accounted accounted
        ? accounted.shield()
        : new Shield.Residual();
  }

  /// How many workers share what leaves.
  ///
  /// @return 1 or 2
  public int workers() {
    return shield() instanceof Shield.Shares ? 2 : 1;
  }

  /// The releases to the worker that holds the masks, in every step.
  ///
  /// @return the weights of each layer at the workers
  public List<Release> weights() {
    return graph.linearLayers().stream()
        .filter(i -> !(plan.placement(graph.nodes().get(i).name()) instanceof Trusted))
        .map(this::weights)
        .toList();
  }

  /// The places where data are released, each with the name of the first layer that reads there.
  ///
  /// @return in graph order
  public Map<SiteKey, String> sites() {
    return sites;
  }

  private SiteKey site(int layer) {
    Node node = graph.nodes().get(layer);
    return new SiteKey(node.inputs().getFirst(), plan.placement(node.name()));
  }

  /// All that leaves in a step.
  ///
  /// @param refresh whether the step renews shared bases
  /// @return each release as often as it happens
  public List<Release> releases(boolean refresh) {
    List<Release> releases = new ArrayList<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      Release gradient = weightGradient(i);
      if (gradient != null) {
        releases.add(gradient);
      }
    }
    sites.forEach((key, name) -> {
      Release basis = basis(name, key);
      if (basis != null && (refresh || !(basis.mechanism() instanceof Release.Gaussian))) {
        releases.add(basis);
      }
      releases.add(residual(name, key));
    });
    for (int i : graph.linearLayers()) {
      String name = graph.nodes().get(i).name();
      if (!(plan.placement(name) instanceof Trusted)) {
        releases.add(weights(i));
        releases.add(outputGradient(i));
      }
    }
    return releases;
  }

  /// The input of split layers.
  ///
  /// @param name of the first layer that reads there
  /// @param key the place
  /// @return its release
  public Release residual(String name, SiteKey key) {
    long dim = graph.shape(key.source()).size();
    return new Release(
        Channel.RESIDUALS,
        name,
        dim,
        switch (terms) {
          case ReleaseTerms.Unaccounted(var _, var _, var reason) ->
              new Release.Uncovered(key.placement() instanceof Untrusted ? EXACT : reason);
          case ReleaseTerms.Accounted accounted ->
              gaussian(accounted, Channel.RESIDUALS, name, dim);
        });
  }

  /// The shared basis that the input of split layers is decomposed with.
  ///
  /// @param name of the first layer that reads there
  /// @param key the place
  /// @return its release; null if there is none
  public @Nullable Release basis(String name, SiteKey key) {
    if (!(key.placement() instanceof Split(Decomposition decomposition, var _))
        || decomposition != Decomposition.SHARED
        || keepsNothing(key.placement())) {
      return null;
    }
    long channels = graph.shape(key.source()).channels();
    long values = channels * (channels + 1) / 2;
    return switch (terms) {
      case ReleaseTerms.Unaccounted _ ->
          new Release(Channel.BASIS, name, values, new Release.Uncovered(BATCH_BASIS));
      case ReleaseTerms.Accounted accounted ->
          switch (accounted.basis()) {
            case BATCH -> throw new IllegalStateException("refused by the terms");
            // Fitted at the present parameters: public as long as these are.
            case PUBLIC ->
                accounted.channels().contains(Channel.WEIGHTS)
                    ? null
                    : new Release(Channel.BASIS, name, values, new Release.Uncovered(PUBLIC_BASIS));
            case DP ->
                new Release(
                    Channel.BASIS, name, values, gaussian(accounted, Channel.BASIS, name, values));
          };
    };
  }

  /// The weights of a layer at the worker, as they are sent.
  ///
  /// @param layer its node's number
  /// @return their release
  public Release weights(int layer) {
    String name = graph.nodes().get(layer).name();
    boolean covered =
        terms instanceof ReleaseTerms.Accounted accounted
            && accounted.channels().contains(Channel.WEIGHTS);
    return new Release(
        Channel.WEIGHTS,
        name,
        graph.parameters(layer).getFirst().size(),
        covered
            ? new Release.PostProcessing("a function of noised gradient sums")
            : new Release.Uncovered(EXACT));
  }

  /// The output gradient of a layer at the worker.
  ///
  /// @param layer its node's number
  /// @return its release
  public Release outputGradient(int layer) {
    String name = graph.nodes().get(layer).name();
    long values = graph.shape(layer).size();
    return new Release(
        Channel.GRADIENTS,
        name,
        values,
        switch (terms) {
          case ReleaseTerms.Unaccounted(var _, NoiseStrength.None _, var _) ->
              new Release.Uncovered(EXACT);
          case ReleaseTerms.Unaccounted _ -> new Release.Uncovered(MEDIAN_NOISE);
          case ReleaseTerms.Accounted accounted ->
              accounted.channels().contains(Channel.GRADIENTS)
                  ? gaussian(accounted, Channel.GRADIENTS, name, values)
                  : new Release.Uncovered(EXACT);
        });
  }

  /// The noise on what the trusted side adds to the gradients of a layer's parameters; null if they
  /// are not protected, or are functions of what the worker holds. All trained parameters count,
  /// not just those that are sent: later residuals and gradients depend on them all.
  ///
  /// @param node its number
  /// @return a Gaussian mechanism, or null
  public @Nullable Release weightGradient(int node) {
    if (!(terms instanceof ReleaseTerms.Accounted accounted)
        || !accounted.channels().contains(Channel.WEIGHTS)) {
      return null;
    }
    String name = graph.nodes().get(node).name();
    boolean onlyBiasHere =
        shield() instanceof Shield.Residual && keepsNothing(plan.layers().get(name));
    long values =
        graph.parameters(node).stream()
            .filter(p -> p.kind().trained())
            .filter(p -> !p.kind().weight() || !onlyBiasHere)
            .mapToLong(Parameter::size)
            .sum();
    return values == 0
        ? null
        : new Release(
            Channel.WEIGHTS, name, values, gaussian(accounted, Channel.WEIGHTS, name, values));
  }

  /// Whether a layer's input leaves whole, so that its weight gradient comes from the worker alone.
  private static boolean keepsNothing(@Nullable Placement placement) {
    return placement instanceof Untrusted
        || (placement instanceof Split(var _, var rank) && rank.rank(0, 1) == 0);
  }

  private static Release.Mechanism gaussian(
      ReleaseTerms.Accounted terms, Channel channel, String name, long dim) {
    boolean masked =
        terms.shield() instanceof Shield.Shares
            && (channel == Channel.RESIDUALS || channel == Channel.GRADIENTS);
    if (!masked) {
      return new Release.Gaussian(terms.bounds().of(channel, name), multiplier(terms.noise(), dim));
    }
    double more = terms.channels().contains(Channel.WEIGHTS) ? MASKS_OVER_NOISE : 1;
    return new Release.Gaussian(
        new ClipNorm(Shield.Shares.NORM),
        new NoiseMultiplier(more * multiplier(terms.noise(), dim).value()));
  }

  /// The noise multiplier that a strength comes to on a release of so many values.
  static NoiseMultiplier multiplier(NoiseStrength strength, long dim) {
    return new NoiseMultiplier(strength.sigma(1, Math.toIntExact(dim)));
  }
}
