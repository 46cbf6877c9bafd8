package asymml.trusted.inference;

import asymml.kernels.Closer;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.privacy.QueryStatement;
import asymml.privacy.Release;
import asymml.trusted.decompose.Refresh;
import asymml.trusted.network.SplitNetwork;
import asymml.trusted.ops.Parameters;
import asymml.trusted.passes.InferencePass;
import asymml.trusted.plan.MaskPrecision;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.split.SplitContext;
import asymml.trusted.split.Workers;
import asymml.trusted.train.FormalCheck;
import asymml.trusted.train.TrainConfig;
import asymml.wire.ProtocolException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A trained network that runs forward together with workers. Weights are sent once, with the first
/// batch; of each batch, the inputs of split layers are released and nothing else. Normalisation
/// takes its running statistics and runs on the trusted side.
///
/// All batches have one size, so that the workers hold one set of weights: where there are fewer
/// images, null examples fill it up.
public final class SplitInference implements AutoCloseable {
  /// Public images that bounds and bases are taken from, at most.
  public static final int PUBLIC_IMAGES = 64;

  private final TrainConfig config;
  private final ReleasePlan releases;
  private final SplitContext context;
  private final SplitNetwork network;
  private final Closer owned = new Closer();
  private long batches;
  private boolean full; // whether a batch without null examples was there

  /// Plans the network and defines its operations at the workers; nothing is released yet.
  ///
  /// @param config mode, ranks, noise, shield and what is accounted for, as for training; its batch
  ///   size is that of all batches
  /// @param graph the network
  /// @param parameters its parameters, which stay as they are
  /// @param workers who compute the untrusted parts
  /// @param publicImages `[n, H, W, C]`, public, normalised, n at most [#PUBLIC_IMAGES]; null
  ///   unless [InferenceTerms#needsPublicImages]
  /// @throws IllegalArgumentException if it cannot be accounted for, or layers do not fit
  /// @throws ProtocolException if a worker refuses an operation
  public SplitInference(
      TrainConfig config,
      Graph graph,
      Parameters parameters,
      Workers workers,
      @Nullable Tensor publicImages)
      throws ProtocolException {
    this.config = config;
    Plan plan = InferenceTerms.plan(config, graph);
    List<FormalCheck.Finding> found = InferenceTerms.check(config, plan, workers.isUnpredictable());
    if (!found.isEmpty()) {
      throw new IllegalArgumentException(FormalCheck.refusal(found));
    }
    if (InferenceTerms.needsPublicImages(config, plan) && publicImages == null) {
      throw new IllegalArgumentException("clip bounds and bases need public images");
    }
    int batch = config.batchSize();
    try (Closer opened = new Closer()) {
      @Nullable InferencePass pass =
          publicImages == null
              ? null
              : opened.own(new InferencePass(graph, plan, parameters, publicImages));
      releases = InferenceTerms.releases(config, graph, plan, () -> needed(pass).bounds());
      requirePrecision(releases);
      int examples = publicImages == null ? batch : Math.max(batch, publicImages.length(0));
      context = opened.own(new SplitContext(graph, examples, releases, workers));
      owned.own(context);
      network = opened.own(SplitNetwork.forInference(graph, plan, batch, parameters, context));
      owned.own(network);
      workers.mapRegion(network.regionBytes());
      if (pass != null) {
        pass.fitBases(context);
        pass.close();
      }
      opened.release();
    }
  }

  private static InferencePass needed(@Nullable InferencePass pass) {
    if (pass == null) {
      throw new IllegalArgumentException("clip bounds need public images");
    }
    return pass;
  }

  private static void requirePrecision(ReleasePlan releases) {
    if (releases.shield().masks()) {
      for (Release release : releases.releases(true)) {
        MaskPrecision.require(release);
      }
    }
  }

  /// The most images of a batch.
  ///
  /// @return at least 1
  public int batchSize() {
    return config.batchSize();
  }

  /// The logits of a batch.
  ///
  /// @param images `[n, H, W, C]`, normalised, n at most [#batchSize]; private
  /// @return `[n, classes]`, a view, valid until the next call
  /// @throws ProtocolException if a worker fails
  /// @throws asymml.trusted.boundary.NonFiniteException if noise is on and an activation is not
  ///   finite
  public Tensor logits(Tensor images) throws ProtocolException {
    int count = images.length(0);
    int batch = network.input().length(0);
    if (count > batch) {
      throw new IllegalArgumentException(
          "a batch has at most %s images: %s".formatted(batch, count));
    }
    network.input().examples(0, count).copyFrom(images);
    if (count < batch) {
      network.input().examples(count, batch - count).fill(0);
    }
    context.nullExamples(place -> place >= count);
    // A basis that was fitted to null examples does not serve a full batch.
    boolean renews = count == batch && !full;
    if (batches == 0) {
      network.forward(0);
    } else {
      network.forwardFurther(renews ? 0 : Refresh.DEFAULT.ofInference(batches));
    }
    full |= count == batch;
    batches++;
    return network.logits().examples(0, count);
  }

  /// What is released of a batch; of an image, each of these once.
  ///
  /// @return as planned
  public ReleasePlan releases() {
    return releases;
  }

  /// What may be claimed of the images.
  ///
  /// @param queries how many images were sent
  /// @param model what is claimed of the model
  /// @return the statement
  public QueryStatement statement(long queries, String model) {
    return QueryStatement.of(
        releases.releases(true), releases.workers(), config.privacy().delta(), queries, model);
  }

  /// Zeroes and frees everything; the workers stay connected.
  @Override
  public void close() {
    owned.close();
  }
}
