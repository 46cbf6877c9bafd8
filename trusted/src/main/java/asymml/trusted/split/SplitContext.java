package asymml.trusted.split;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.privacy.Channel;
import asymml.privacy.Release;
import asymml.trusted.boundary.ClipBound;
import asymml.trusted.boundary.Mask;
import asymml.trusted.boundary.NullExamples;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.ReleaseLog;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.check.Verifier;
import asymml.trusted.decompose.Decomposer;
import asymml.trusted.decompose.PerExampleDecomposer;
import asymml.trusted.decompose.Refresh;
import asymml.trusted.decompose.SharedDecomposer;
import asymml.trusted.ops.GradientGuard;
import asymml.trusted.plan.DataFlow;
import asymml.trusted.plan.DataFlow.SiteKey;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Untrusted;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.wire.ProtocolException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What the split layers of all batch sizes have in common: the workers, the doors, and at each
/// place where data are released the decomposition and the clip bound.
public final class SplitContext implements AutoCloseable {
  /// Before a layer's name in [#state]; no layer has a slash in its name.
  private static final String GRADIENT_CLIP = "gradient-clip/";

  private final Workers workers;
  private final Verifier verifier;
  private final ReleasePlan releases;
  private final List<Release> ordinary;
  private final List<Release> refreshing;
  private final List<Release> noisedSums;
  private final List<Release> masked; // with DP-SGD, of every physical batch
  private final @Nullable List<Release> first; // with DP-SGD, of the first one; else null
  private final Refresh refresh = Refresh.DEFAULT;
  private final List<ReleaseLog> logs = new ArrayList<>();
  // What the holder of masks gets; null where all workers get the same, each for its examples.
  private final @Nullable List<Release> toOthers;
  private final Map<SiteKey, SplitSite> sites = new LinkedHashMap<>();
  private final Map<String, SplitSite> siteNames = new LinkedHashMap<>();
  private final Map<String, ClipBound> gradientBounds = new LinkedHashMap<>();
  private NullExamples nullExamples = NullExamples.NONE;
  private final Map<Integer, HeldLayer> held = new LinkedHashMap<>(); // by node
  private HeldLayer.@Nullable Sgd sgd;
  private boolean renewing;
  private int nextOpId;

  /// Plans the places of a network whose releases are not accounted for.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param batch largest number of examples
  /// @param noise strength of the noise on split residuals; untrusted layers get exact inputs
  /// @param worker who computes the untrusted parts
  /// @param door the way out to that worker
  public SplitContext(
      Graph graph,
      Plan plan,
      int batch,
      NoiseStrength noise,
      RemoteWorker worker,
      ReleaseDoor door) {
    this(
        graph,
        batch,
        new ReleasePlan(graph, plan, new ReleaseTerms.Unaccounted(noise, "not accounted for")),
        Workers.one(worker, door));
  }

  /// Plans the places of a network.
  ///
  /// @param graph the network
  /// @param batch largest number of examples
  /// @param releases what is released in each step, and on what terms
  /// @param workers who compute the untrusted parts; from now on their doors release what is
  ///   planned here
  /// @throws IllegalArgumentException if the terms need another number of workers
  public SplitContext(Graph graph, int batch, ReleasePlan releases, Workers workers) {
    boolean masked = releases.shield().masks();
    if (masked && workers.all().size() != 2) {
      throw new IllegalArgumentException("masks need two workers");
    }
    if (workers.all().size() > 1
        && releases.flow().layers().stream().anyMatch(DataFlow.Layer::updatedAtWorker)) {
      throw new IllegalArgumentException(
          "a worker that updates weights shares its batches with no other");
    }
    this.workers = workers;
    this.verifier = workers.verifier();
    this.releases = releases;
    this.ordinary = releases.releases(false);
    this.refreshing = releases.releases(true);
    this.noisedSums =
        ordinary.stream()
            .filter(release -> release.channel() == Channel.WEIGHTS)
            .filter(release -> release.mechanism() instanceof Release.Gaussian)
            .toList();
    this.first =
        releases.jointGradient() == null
            ? null
            : ordinary.stream().filter(release -> !noisedSums.contains(release)).toList();
    this.masked =
        ordinary.stream().filter(release -> release.channel() != Channel.WEIGHTS).toList();
    for (Workers.Party party : workers.all()) {
      ReleaseLog log = new ReleaseLog();
      party.door().log(log);
      logs.add(log);
    }
    this.toOthers = masked ? releases.weights() : null;
    for (DataFlow.Input input : releases.flow().inputs()) {
      SplitSite site = site(graph, batch, input);
      sites.put(input.key(), site);
      siteNames.put(input.name(), site);
    }
  }

  private SplitSite site(Graph graph, int batch, DataFlow.Input input) {
    Release residual = releases.residual(input);
    boolean fitsBatches = releases.terms() instanceof ReleaseTerms.Unaccounted;
    Decomposer decomposer = decomposer(graph, input, batch, fitsBatches);
    Release basis = releases.basis(input);
    if (residual.mechanism() instanceof Release.Gaussian(var clipNorm, var noise)) {
      return new SplitSite(
          decomposer,
          residual,
          new NoiseStrength.Multiplier(noise.value()),
          ClipBound.fixed(clipNorm),
          basis);
    }
    NoiseStrength strength =
        releases.terms() instanceof ReleaseTerms.Unaccounted(var noise, var _, var _)
                && !(input.key().placement() instanceof Untrusted)
            ? noise
            : new NoiseStrength.None();
    return new SplitSite(
        decomposer, residual, strength, new ClipBound(), basis, releases.flow().sendsBasis(input));
  }

  /// What splits an input.
  ///
  /// @param graph the network
  /// @param input of it
  /// @param batch largest number of examples
  /// @param fitsBatches whether shared bases are found by looking at the batches themselves
  /// @return null if the input is sent whole
  public static @Nullable Decomposer decomposer(
      Graph graph, DataFlow.Input input, int batch, boolean fitsBatches) {
    Split split = input.decomposed().orElse(null);
    if (split == null) {
      return null;
    }
    Shape shape = graph.shape(input.key().source());
    return switch (split.decomposition()) {
      case SHARED ->
          new SharedDecomposer(
              batch, shape, input.layer(), split.rank(), Refresh.DEFAULT, fitsBatches);
      case PER_EXAMPLE ->
          new PerExampleDecomposer(
              batch, shape, split.rank(), Refresh.DEFAULT, PerExampleDecomposer.USUAL_ROUNDS);
    };
  }

  /// Says which places of the next batches hold an example.
  ///
  /// @param next which do not
  public void nullExamples(NullExamples next) {
    nullExamples = next;
  }

  NullExamples nullExamples() {
    return nullExamples;
  }

  /// Begins a further physical batch of a step: an example stands in one of them, so that each has
  /// the step's masked releases. Weights are not sent again, and the sum of all batches gets its
  /// noise once.
  public void beginFurtherBatch() {
    if (first == null) {
      verifier.begin(); // at inference a batch is a step
    }
    for (int i = 0; i < logs.size(); i++) {
      logs.get(i).begin(i > 0 && toOthers != null ? List.of() : masked);
    }
  }

  /// Begins the end of a step of several physical batches: only the noise on their sum is left.
  public void beginSum() {
    for (int i = 0; i < logs.size(); i++) {
      logs.get(i).begin(i == 0 ? noisedSums : List.of());
    }
  }

  /// Begins a step: the doors now release what is planned for it, each once. Workers that share a
  /// batch get each release once for their own examples.
  ///
  /// @param step from 0
  public void begin(long step) {
    verifier.begin();
    renewing = refreshes(step);
    List<Release> planned = first != null ? first : refreshes(step) ? refreshing : ordinary;
    for (int i = 0; i < logs.size(); i++) {
      logs.get(i).begin(i > 0 && toOthers != null ? toOthers : planned);
    }
  }

  /// To be called before an update carries gradient sums into weights.
  ///
  /// @throws IllegalStateException if noise that was planned for a sum was not added to it
  public void requireNoised() {
    logs.getFirst().requireDone(noisedSums);
  }

  /// Whether a step renews shared bases.
  ///
  /// @param step from 0
  /// @return true if it does
  public boolean refreshes(long step) {
    return refresh.due(step);
  }

  /// Whether steps can run that do not renew shared bases.
  ///
  /// @return false if a basis is missing that only such a step can bring
  public boolean hasBases() {
    return sites.values().stream()
        .map(SplitSite::decomposer)
        .allMatch(decomposer -> decomposer == null || decomposer.canProject());
  }

  /// Fits all shared bases to other activations than those of private batches.
  ///
  /// @param activation the output `[n, H, W, C]` of a node for public images, by node number
  public void fitBases(IntFunction<Tensor> activation) {
    sites.forEach((key, site) -> {
      if (site.decomposer() != null) {
        site.decomposer().refit(activation.apply(key.source()));
      }
    });
  }

  /// What is released in each step.
  ///
  /// @return the plan
  public ReleasePlan releases() {
    return releases;
  }

  /// What holds a layer's parameter gradients to their bound.
  ///
  /// @param node its number
  /// @return null if they are not protected
  public @Nullable GradientGuard guard(int node) {
    Release release = releases.weightGradient(releases.flow().layer(node));
    return release == null ? null : new GradientGuard(release, workers.first().door());
  }

  /// The noise on a layer's output gradients.
  ///
  /// @param release of the gradients
  NoiseStrength gradientNoise(Release release) {
    if (release.mechanism() instanceof Release.Gaussian(var _, var noise)) {
      return new NoiseStrength.Multiplier(noise.value());
    }
    return releases.terms() instanceof ReleaseTerms.Unaccounted(var _, var gradients, var _)
        ? gradients
        : new NoiseStrength.None();
  }

  /// The clip bound of a layer's output gradients, the same for all batch sizes.
  ///
  /// @param release of the gradients
  ClipBound gradientBound(Release release) {
    return release.mechanism() instanceof Release.Gaussian(var clipNorm, var _)
        ? ClipBound.fixed(clipNorm)
        : gradientBounds.computeIfAbsent(release.layer(), _ -> new ClipBound());
  }

  /// The workers.
  ///
  /// @return as given
  public Workers workers() {
    return workers;
  }

  Verifier verifier() {
    return verifier;
  }

  /// Fresh masks for a release that is accounted for.
  Mask newMask(Release release, int places) {
    if (!(release.mechanism() instanceof Release.Gaussian(var norm, var noise))) {
      throw new IllegalStateException("masks are accounted for: " + release);
    }
    return workers
        .first()
        .door()
        .newMask(
            places,
            Math.toIntExact(release.values() / releases.views()),
            norm.noiseDeviation(noise));
  }

  /// By how much the masks of a release make the sum of squares of what is computed on larger.
  ///
  /// @param release of parts of norm 1, with masks of that many deviations in each value
  double masking(Release release) {
    if (!(release.mechanism() instanceof Release.Gaussian(var norm, var noise))) {
      return 1;
    }
    long values = release.values() / releases.views();
    return 1 + (double) values * Math.pow(norm.noiseDeviation(noise), 2);
  }

  /// What lasts from step to step at a place.
  ///
  /// @param key the place
  /// @return the same for all batch sizes
  public SplitSite site(SiteKey key) {
    SplitSite site = sites.get(key);
    if (site == null) {
      throw new IllegalStateException("no place was planned for " + key);
    }
    return site;
  }

  /// The weights of a layer that its worker updates, the same for all batch sizes.
  HeldLayer held(int node, Supplier<HeldLayer> first) {
    return held.computeIfAbsent(node, _ -> first.get());
  }

  /// Whether the step under way renews shared bases.
  boolean renewing() {
    return renewing;
  }

  /// Says how workers that update weights do so in the next steps.
  ///
  /// @param rate the learning rate
  /// @param momentum 0 to below 1
  /// @param weightDecay at least 0
  public void updateBy(float rate, float momentum, float weightDecay) {
    sgd = new HeldLayer.Sgd(rate, momentum, weightDecay);
  }

  HeldLayer.Sgd sgd() {
    if (sgd == null) {
      throw new IllegalStateException("a worker updates weights, and nobody says how");
    }
    return sgd;
  }

  /// Fetches weights and momentum from a worker that updates them: between steps, before they are
  /// read.
  ///
  /// @return whether any were fetched
  /// @throws ProtocolException if the worker fails
  public boolean fetchWeights() throws ProtocolException {
    for (HeldLayer layer : held.values()) {
      layer.fetch();
    }
    return !held.isEmpty();
  }

  int takeOpId() {
    return nextOpId++;
  }

  /// What a later run needs to continue with the same bases and bounds.
  ///
  /// @return name to values, always in the same order
  public Map<String, float[]> state() {
    Map<String, float[]> state = new LinkedHashMap<>();
    siteNames.forEach((name, site) -> {
      if (site.decomposer() != null) {
        // Sorted: the order of an immutable map changes from one JVM to the next, and the same
        // state is to give the same file.
        new TreeMap<>(site.decomposer().state()).forEach((k, v) -> state.put(name + "." + k, v));
      }
      if (site.bound().isDataDependent() && site.bound().known()) {
        state.put(name + ".clip", split(site.bound().norm()));
      }
    });
    gradientBounds.forEach((layer, bound) -> {
      if (bound.known()) {
        state.put(GRADIENT_CLIP + layer, split(bound.norm()));
      }
    });
    return state;
  }

  /// Restores what [#state] gave.
  ///
  /// @param state of a run of the same plan
  public void restore(Map<String, float[]> state) {
    siteNames.forEach((name, site) -> {
      Map<String, float[]> own = new LinkedHashMap<>();
      String prefix = name + ".";
      state.forEach((k, v) -> {
        if (k.startsWith(prefix)) {
          own.put(k.substring(prefix.length()), v);
        }
      });
      restore(site.bound(), own.remove("clip"));
      if (site.decomposer() != null && !own.isEmpty()) {
        site.decomposer().restore(own);
      }
    });
    // Whether or not a network has asked for its bounds yet.
    state.forEach((key, saved) -> {
      if (key.startsWith(GRADIENT_CLIP)) {
        String layer = key.substring(GRADIENT_CLIP.length());
        restore(gradientBounds.computeIfAbsent(layer, _ -> new ClipBound()), saved);
      }
    });
  }

  private static void restore(ClipBound bound, float @Nullable [] saved) {
    if (saved != null) {
      bound.restore((double) saved[0] + saved[1]);
    }
  }

  /// A double as the sum of two floats: 48 of its 53 bits, in a file of float32.
  private static float[] split(double value) {
    float high = (float) value;
    return new float[] {high, (float) (value - high)};
  }

  /// Zeroes and frees the decompositions.
  @Override
  public void close() {
    for (SplitSite site : sites.values()) {
      if (site.decomposer() != null) {
        site.decomposer().close();
      }
    }
  }
}
