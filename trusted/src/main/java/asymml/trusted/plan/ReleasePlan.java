package asymml.trusted.plan;

import asymml.model.Graph;
import asymml.model.Layer.BatchNorm;
import asymml.model.Parameter;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.trusted.plan.Placement.Untrusted;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The releases of one step of training, or of one batch at inference: a pure function of network,
/// plan and terms, so that a run can be accounted for before it begins, and the door knows what to
/// expect. A release is planned because data flow ([DataFlow]); the terms say what covers it.
public final class ReleasePlan {
  private static final String EXACT = "sent unprotected";
  private static final String MEDIAN_NOISE = "the clip bound follows private data";
  private static final String BATCH_BASIS =
      "fitted to private batches, and visible as the null space of the residuals";

  /// How many times larger the noise multiplier of masks is than that of weight gradients, where
  /// both are accounted for: masks are removed again and only cost precision, so that nearly all of
  /// the budget is for noise that stays in the weights.
  static final double MASKS_OVER_NOISE = 10;

  /// Names the joint release of DP-SGD; no layer has a space in its name.
  private static final String ALL_PARAMETERS = "all parameters";

  private static final String MODEL = "the trained model, whichever images are classified";

  private static final String SENT_BASIS =
      "basis and channel mean, fitted to private batches, sent unprotected to the worker that"
          + " updates weights";
  private static final String HELD =
      "held and updated by the worker, which learns each step's weights and weight gradient";
  private static final String FACTOR =
      "the trusted part of the weight gradient, sent unprotected to the worker that updates"
          + " weights";

  private static final String PUBLIC_BASIS =
      "fitted to public images, but by a network whose weights carry private data";

  private final Graph graph;
  private final ReleaseTerms terms;
  private final DataFlow flow;
  private final boolean training;

  /// Plans the releases of a network.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param terms on what terms tensors are released
  /// @throws IllegalArgumentException if the terms account for what no mechanism covers: batch
  ///   norm, a rank that follows the data, a basis fitted to private batches, noised sums of
  ///   sampled weight gradients
  public ReleasePlan(Graph graph, Plan plan, ReleaseTerms terms) {
    this.graph = graph;
    this.terms = terms;
    this.training = true;
    this.flow = new DataFlow(graph, plan, shield());
    switch (terms) {
      case ReleaseTerms.Unaccounted _ -> {}
      case ReleaseTerms.Accounted accounted -> {
        requireProtected(plan);
        requireSeparateExamples();
        requireMechanisms(accounted.basis());
        if (flow.layers().stream().anyMatch(DataFlow.Layer::updatedAtWorker)) {
          throw new IllegalArgumentException(
              "a worker that updates weights learns exact gradients: nothing is accounted for");
        }
        if (accounted.shield().samplesGradients() && protectsWeights()) {
          throw new IllegalArgumentException(
              "no bound holds for one example's part in a sampled weight gradient");
        }
      }
      case ReleaseTerms.DpSgd dpSgd -> requireMechanisms(dpSgd);
    }
  }

  /// Inference on terms that go with it.
  private ReleasePlan(Graph graph, DataFlow flow, ReleaseTerms terms) {
    this.graph = graph;
    this.terms = terms;
    this.training = false;
    this.flow = flow;
  }

  /// Plans the releases of a trained network that classifies images. They are about the images of
  /// the batch: weights are sent, once, and depend on none of them. Normalisation takes its running
  /// statistics, so that no layer mixes the images of a batch.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param terms on what terms tensors are released; if accounted for, without weights, which have
  ///   no mechanism here
  /// @return inputs of layers at the worker, what shows of their bases, and weights
  /// @throws IllegalArgumentException if the terms account for what no mechanism covers: exact
  ///   inputs, a rank that follows the images, a basis fitted to them
  public static ReleasePlan ofInference(Graph graph, Plan plan, ReleaseTerms terms) {
    if (terms instanceof ReleaseTerms.DpSgd) {
      throw new IllegalArgumentException("DP-SGD trains: at inference there are no gradients");
    }
    ReleasePlan releases =
        new ReleasePlan(graph, DataFlow.ofInference(graph, plan, shield(terms)), terms);
    if (terms instanceof ReleaseTerms.Accounted accounted) {
      if (accounted.channels().contains(Channel.WEIGHTS)) {
        throw new IllegalArgumentException(
            "inference does not protect weights: the model is trained, and the worker is sent it");
      }
      requireProtected(plan);
      if (accounted.basis() == Basis.DP
          && releases.flow.inputs().stream().anyMatch(DataFlow.Input::sharesBasis)) {
        throw new IllegalArgumentException(
            "at inference, bases that are accounted for are fitted to public images");
      }
      releases.requireMechanisms(accounted.basis());
    }
    return releases;
  }

  private static void requireProtected(Plan plan) {
    if (plan.layers().containsValue(new Untrusted())) {
      throw new IllegalArgumentException(
          "inputs that are sent unprotected cannot be accounted for");
    }
  }

  private void requireMechanisms(ReleaseTerms.DpSgd dpSgd) {
    requireSeparateExamples();
    requireMechanisms(dpSgd.basis());
    if (dpSgd.shield().samplesGradients()) {
      throw new IllegalArgumentException("a sampled weight gradient is not that of an example");
    }
    if (!flow.inputs().isEmpty() && !dpSgd.shield().masks()) {
      throw new IllegalArgumentException(
          "with DP-SGD, masks hide what workers receive: one worker cannot take part");
    }
    if (flow.inputs().stream().anyMatch(DataFlow.Input::sharesBasis)
        && dpSgd.basis() != Basis.PUBLIC) {
      throw new IllegalArgumentException("with DP-SGD, shared bases are fitted to public images");
    }
  }

  /// The rules of a clipped and noised release are about one example's part in it.
  private void requireSeparateExamples() {
    if (graph.nodes().stream().anyMatch(node -> node.layer() instanceof BatchNorm)) {
      throw new IllegalArgumentException(
          "batch norm mixes examples: no bound holds for one of them");
    }
  }

  private void requireMechanisms(Basis basis) {
    for (DataFlow.Input input : flow.inputs()) {
      if (input.decomposed().filter(split -> split.rank() instanceof Rank.Energy).isPresent()) {
        throw new IllegalArgumentException(
            "the rank of what " + input.name() + " reads follows the data");
      }
      if (input.sharesBasis() && basis == Basis.BATCH) {
        throw new IllegalArgumentException(
            "a basis fitted to private batches is not accounted for");
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
    return shield(terms);
  }

  private static Shield shield(ReleaseTerms terms) {
    return switch (terms) {
      case ReleaseTerms.Unaccounted _ -> new Shield.Residual();
      case ReleaseTerms.Accounted accounted -> accounted.shield();
      case ReleaseTerms.DpSgd dpSgd -> dpSgd.shield();
    };
  }

  /// How many workers share the releases.
  ///
  /// @return 1 or 2; 0 if there is none, and the trained model alone is released
  public int workers() {
    return flow.inputs().isEmpty() && terms instanceof ReleaseTerms.DpSgd ? 0 : shield().workers();
  }

  /// Where data flow.
  ///
  /// @return what all releases follow from
  public DataFlow flow() {
    return flow;
  }

  /// Whether noise is added to the gradient sums of all trained parameters.
  ///
  /// @return false if weights carry private data
  public boolean protectsWeights() {
    return terms instanceof ReleaseTerms.DpSgd
        || (terms instanceof ReleaseTerms.Accounted accounted
            && accounted.channels().contains(Channel.WEIGHTS));
  }

  /// The releases to the worker that holds the masks, in every step.
  ///
  /// @return the weights of each layer at the workers
  public List<Release> weights() {
    return flow.layers().stream().filter(DataFlow.Layer::isRemote).map(this::weights).toList();
  }

  /// All releases of a step.
  ///
  /// @param refresh whether the step renews shared bases
  /// @return each release as often as it happens
  public List<Release> releases(boolean refresh) {
    List<Release> releases = new ArrayList<>();
    Release joint = jointGradient();
    if (joint != null) {
      releases.add(joint);
    }
    for (DataFlow.Layer layer : flow.layers()) {
      Release gradient = weightGradient(layer);
      if (gradient != null) {
        releases.add(gradient);
      }
    }
    for (DataFlow.Input input : flow.inputs()) {
      Release basis = basis(input);
      if (basis != null && (refresh || !(basis.mechanism() instanceof Release.Gaussian))) {
        releases.add(basis);
      }
      releases.add(residual(input));
    }
    for (DataFlow.Layer layer : flow.layers()) {
      if (layer.isRemote()) {
        releases.add(weights(layer));
      }
      if (layer.updatedAtWorker()) {
        releases.add(momentum(layer));
        releases.add(factor(layer));
      }
      if (layer.sendsGradient()) {
        releases.add(outputGradient(layer));
      }
    }
    return releases;
  }

  /// The input of split layers.
  ///
  /// @param input where it flows
  /// @return its release
  public Release residual(DataFlow.Input input) {
    String name = input.name();
    long dim = views() * graph.shape(input.key().source()).size();
    return new Release(
        Channel.RESIDUALS,
        name,
        dim,
        switch (terms) {
          case ReleaseTerms.Unaccounted(var _, var _, var reason) ->
              new Release.Uncovered(input.key().placement() instanceof Untrusted ? EXACT : reason);
          case ReleaseTerms.Accounted accounted ->
              gaussian(accounted, Channel.RESIDUALS, name, dim);
          case ReleaseTerms.DpSgd dpSgd -> masks(dpSgd);
        });
  }

  /// The shared basis that the input of split layers is decomposed with.
  ///
  /// @param input where it flows
  /// @return its release; null if there is none
  public @Nullable Release basis(DataFlow.Input input) {
    if (!input.sharesBasis()) {
      return null;
    }
    String name = input.name();
    long channels = graph.shape(input.key().source()).channels();
    long values = channels * (channels + 1) / 2;
    return switch (terms) {
      case ReleaseTerms.Unaccounted _ when flow.sendsBasis(input) ->
          new Release(
              Channel.BASIS,
              name,
              channels * (flow.directions(input) + 1),
              new Release.Uncovered(SENT_BASIS));
      case ReleaseTerms.Unaccounted _ ->
          new Release(Channel.BASIS, name, values, new Release.Uncovered(BATCH_BASIS));
      case ReleaseTerms.Accounted accounted ->
          switch (accounted.basis()) {
            case BATCH -> throw new IllegalStateException("refused before");
            // Fitted at the present parameters: public as long as these are. At inference they are
            // those of the model, and no function of the images that are classified.
            case PUBLIC ->
                protectsWeights() || !training
                    ? null
                    : new Release(Channel.BASIS, name, values, new Release.Uncovered(PUBLIC_BASIS));
            case DP ->
                new Release(
                    Channel.BASIS, name, values, gaussian(accounted, Channel.BASIS, name, values));
          };
      // Public images, and parameters that are functions of noised sums.
      case ReleaseTerms.DpSgd _ -> null;
    };
  }

  /// The weights of a layer at the worker, as they are sent.
  ///
  /// @param layer which
  /// @return their release
  public Release weights(DataFlow.Layer layer) {
    return new Release(
        Channel.WEIGHTS,
        layer.name(),
        graph.parameters(layer.node()).getFirst().size(),
        layer.updatedAtWorker() ? new Release.Uncovered(HELD) : weightsMechanism());
  }

  /// The momentum of weights that a worker updates. It is sent with them at the beginning of a run,
  /// and when one is resumed; from then on the worker computes it.
  ///
  /// @param layer which
  /// @return its release
  public Release momentum(DataFlow.Layer layer) {
    return new Release(
        Channel.WEIGHTS,
        layer.name(),
        graph.parameters(layer.node()).getFirst().size(),
        new Release.Uncovered("momentum, " + HELD));
  }

  /// The trusted part of a layer's weight gradient, in terms of the basis.
  ///
  /// @param layer whose weights a worker updates
  /// @return its release
  public Release factor(DataFlow.Layer layer) {
    return new Release(
        Channel.WEIGHTS, layer.name(), layer.factorFloats(), new Release.Uncovered(FACTOR));
  }

  private Release.Mechanism weightsMechanism() {
    if (!training) {
      return new Release.PostProcessing(MODEL);
    }
    return protectsWeights()
        ? new Release.PostProcessing("a function of noised gradient sums")
        : new Release.Uncovered(EXACT);
  }

  /// The output gradient of a layer at the worker.
  ///
  /// @param layer which
  /// @return its release
  public Release outputGradient(DataFlow.Layer layer) {
    String name = layer.name();
    long values = views() * graph.shape(layer.node()).size();
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
          case ReleaseTerms.DpSgd dpSgd -> masks(dpSgd);
        });
  }

  /// The one release of DP-SGD that covers the gradients of all trained parameters: of an example
  /// it has a vector of norm at most 1.
  ///
  /// @return null on other terms
  public @Nullable Release jointGradient() {
    return terms instanceof ReleaseTerms.DpSgd dpSgd
        ? new Release(
            Channel.WEIGHTS,
            ALL_PARAMETERS,
            graph.parameters().stream().filter(p -> p.trained()).mapToLong(Parameter::size).sum(),
            new Release.Gaussian(new ClipNorm(1), dpSgd.noise()))
        : null;
  }

  /// How many places of a batch an example has.
  ///
  /// @return 1 but for DP-SGD on several views of each image
  public long views() {
    return terms instanceof ReleaseTerms.DpSgd dpSgd ? dpSgd.views() : 1;
  }

  /// Masks of DP-SGD: of each masked tensor an example has a part of the norm [Shield.Shares#NORM]
  /// in each of its places.
  private Release.Mechanism masks(ReleaseTerms.DpSgd terms) {
    int tensors =
        flow.inputs().size()
            + (int) flow.layers().stream().filter(DataFlow.Layer::sendsGradient).count();
    return new Release.Gaussian(
        new ClipNorm(Shield.Shares.norm(terms.views())), terms.masks(tensors));
  }

  /// The noise on what the trusted side adds to the gradients of a layer's parameters; null if they
  /// are not protected, or it adds nothing and they are functions of what the worker holds. All
  /// trained parameters count, not just those that are sent: later residuals and gradients depend
  /// on them all.
  ///
  /// @param layer which
  /// @return a Gaussian mechanism, or null
  public @Nullable Release weightGradient(DataFlow.Layer layer) {
    long values = layer.valuesAddedHere();
    if (values == 0 || !protectsWeights() || !(terms instanceof ReleaseTerms.Accounted accounted)) {
      return null;
    }
    return new Release(
        Channel.WEIGHTS,
        layer.name(),
        values,
        gaussian(accounted, Channel.WEIGHTS, layer.name(), values));
  }

  private static Release.Mechanism gaussian(
      ReleaseTerms.Accounted terms, Channel channel, String name, long dim) {
    boolean masked =
        terms.shield().masks() && (channel == Channel.RESIDUALS || channel == Channel.GRADIENTS);
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
