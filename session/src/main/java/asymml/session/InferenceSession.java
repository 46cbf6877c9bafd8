package asymml.session;

import asymml.kernels.Closer;
import asymml.kernels.Kernels;
import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.privacy.QueryStatement;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.DataException;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Progress;
import asymml.trusted.inference.InferenceTerms;
import asymml.trusted.inference.SplitInference;
import asymml.trusted.plan.Plan;
import asymml.trusted.run.QueryLog;
import asymml.trusted.train.Evaluator;
import asymml.trusted.train.FormalCheck;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// A trained model that classifies images together with workers. Weights are sent once; of each
/// image, the inputs of split layers are released. Every image is counted in the run's
/// `queries.jsonl` before anything of it is sent. A sealed run is refused: its weights would be
/// sent.
public final class InferenceSession implements AutoCloseable {
  private static final String NOT_FINITE =
      "the activations are not finite: training of this model diverged, or a worker is faulty or"
          + " hostile";

  private final TrainedRun run;
  private final InferenceSpec spec;
  private final Closer owned = new Closer();
  private final WorkerPool pool;
  private final @Nullable ImageSet publicImages;
  private final SplitInference inference;
  private final Plan plan;
  private long queries;

  private InferenceSession(
      TrainedRun run, InferenceSpec spec, Plan plan, @Nullable ImageSet publicImages)
      throws IOException {
    this.run = run;
    this.spec = spec;
    this.plan = plan;
    this.publicImages = publicImages;
    try (Closer opened = new Closer()) {
      opened.own(owned);
      pool = owned.own(WorkerPool.open(spec.settings(), run.layout()));
      inference = owned.own(plan(run, spec, pool, publicImages));
      opened.release();
    }
  }

  /// Starts or connects the workers and defines the model's layers there. No image is sent yet.
  ///
  /// @param run of the model; closed after this
  /// @param spec who computes, and on what terms
  /// @param progress hears how far the decoding of public images is, if some are needed
  /// @return the session, which the caller closes
  /// @throws DataException if something is wrong with the public images
  /// @throws InvalidSpecException if the model cannot be split so, or cannot be accounted for
  /// @throws IOException if a worker is not to be had
  public static InferenceSession open(TrainedRun run, InferenceSpec spec, Progress progress)
      throws DataException, IOException {
    if (run.layout().store().isSealed()) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.CONTRADICTION,
              "worker",
              "would be sent weights of a sealed run, which its owner has not released"));
    }
    TrainConfig config = spec.settings().training();
    Plan plan;
    try {
      plan = InferenceTerms.plan(config, run.model().graph());
    } catch (IllegalArgumentException e) {
      throw new InvalidSpecException(Finding.Kind.MISFIT, e);
    }
    List<FormalCheck.Finding> found = InferenceTerms.check(config, plan, true);
    if (!found.isEmpty()) {
      throw new InvalidSpecException(found.stream().map(FormalFindings::of).toList());
    }
    Kernels.setThreads(spec.settings().threads());
    return new InferenceSession(
        run,
        spec,
        plan,
        InferenceTerms.needsPublicImages(config, plan) ? publicImages(run, spec, progress) : null);
  }

  private static ImageSet publicImages(TrainedRun run, InferenceSpec spec, Progress progress)
      throws DataException {
    DataSpec data = spec.settings().data().withDecoding(run.spec().data().decoding());
    ImageSet images =
        data.publicImages()
            .withLimits(new Limit(SplitInference.PUBLIC_IMAGES), new Limit(1))
            .open(run.spec().training().seed(), progress)
            .train();
    Shape input = run.model().description().input();
    if (!images.shape().equals(input)) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.PUBLIC_SHAPE,
              "the public images are %s and the model takes %s".formatted(images.shape(), input)));
    }
    return images;
  }

  private static SplitInference plan(
      TrainedRun run, InferenceSpec spec, WorkerPool pool, @Nullable ImageSet publicImages)
      throws ProtocolException {
    TrainConfig config = spec.settings().training();
    TrainedModel model = run.model();
    try {
      if (publicImages == null) {
        return new SplitInference(config, model.graph(), model.parameters(), pool.parties(), null);
      }
      int[] order = IntStream.range(0, publicImages.size()).toArray();
      try (BatchLoader loader =
          new BatchLoader(
              publicImages,
              model.description().normalization(),
              Augmentation.none(),
              order,
              order.length,
              0,
              0)) {
        return new SplitInference(
            config, model.graph(), model.parameters(), pool.parties(), loader.next().images());
      }
    } catch (IllegalArgumentException e) {
      throw new InvalidSpecException(Finding.Kind.MISFIT, e);
    }
  }

  /// Each worker in a line.
  ///
  /// @return what it is and what it holds
  public List<String> workers() {
    return pool.describe();
  }

  /// How many images are classified together.
  ///
  /// @return at least 1
  public int batchSize() {
    return spec.batchSize();
  }

  /// Where the model's linear layers run.
  ///
  /// @return a placement for each
  public Plan plan() {
    return plan;
  }

  /// Tests the model.
  ///
  /// @param images with labels, of the model's shape and classes
  /// @param progress hears how many are done
  /// @return loss, accuracy and confusions
  /// @throws TrainingException if the outputs are not finite
  /// @throws IOException if a worker fails, or the queries cannot be counted
  /// @throws InvalidSpecException if some of the images are public ones
  public Evaluator.Score evaluate(ImageSet images, Evaluator.Progress progress)
      throws TrainingException, IOException {
    count(images);
    try {
      return Evaluator.<ProtocolException>score(
          images,
          run.model().description().normalization(),
          spec.batchSize(),
          progress,
          inference::logits);
    } catch (NonFiniteException _) {
      throw new TrainingException(NOT_FINITE);
    }
  }

  /// Classifies images.
  ///
  /// @param pixels of each image `[H, W, C]`, 0 to 255 each
  /// @return of each image every class, the likeliest first
  /// @throws IOException if a worker fails, an activation is not finite, or the queries cannot be
  ///   counted
  /// @throws InvalidSpecException if some of the images are public ones
  public List<List<TrainedRun.Prediction>> predict(List<byte[]> pixels) throws IOException {
    List<List<TrainedRun.Prediction>> all = new ArrayList<>();
    for (int from = 0; from < pixels.size(); from += spec.batchSize()) {
      predict(pixels.subList(from, Math.min(pixels.size(), from + spec.batchSize())), all);
    }
    return all;
  }

  private void predict(List<byte[]> pixels, List<List<TrainedRun.Prediction>> all)
      throws IOException {
    TrainedModel.Description described = run.model().description();
    Shape shape = described.input();
    byte[] together = new byte[Math.multiplyExact(pixels.size(), shape.size())];
    for (int i = 0; i < pixels.size(); i++) {
      System.arraycopy(pixels.get(i), 0, together, i * shape.size(), shape.size());
    }
    count(ImageSet.of(shape, described.classNames(), new int[pixels.size()], together));
    try (Arena arena = Arena.ofShared()) { // read by worker threads of the kernels
      Tensor input =
          Tensor.allocate(arena, pixels.size(), shape.height(), shape.width(), shape.channels());
      for (int i = 0; i < pixels.size(); i++) {
        described.normalization().apply(pixels.get(i), input.examples(i, 1));
      }
      Tensor logits = inference.logits(input);
      for (int i = 0; i < pixels.size(); i++) {
        all.add(TrainedRun.predictions(described.classNames(), logits.examples(i, 1).toArray()));
      }
      input.fill(0);
    } catch (NonFiniteException e) {
      throw new IOException(NOT_FINITE, e);
    }
  }

  /// Counts queries, before any of them is sent.
  private void count(ImageSet images) throws IOException {
    int shared = publicImages == null ? 0 : publicImages.sharedWith(images);
    if (shared > 0) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.PUBLIC_DATA_PRIVATE,
              "public-data",
              "has %s images of %s that are classified"
                  .formatted(shared, publicImages == null ? 0 : publicImages.size())));
    }
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("time", Instant.now().toString());
    facts.putAll(inference.statement(images.size(), run.modelStatement()).facts());
    facts.put("shield", spec.settings().training().shield().toString());
    facts.put("noise", spec.settings().training().noise().toString());
    QueryLog.append(run.layout().queries(), facts);
    queries += images.size();
  }

  /// What may be claimed of the images that were sent.
  ///
  /// @return the statement, with the number of queries of this session
  /// @throws IOException if the run's ledger is damaged
  public QueryStatement statement() throws IOException {
    return inference.statement(queries, run.modelStatement());
  }

  /// How many queries the run's model has had through workers, in this session and before.
  ///
  /// @return as counted in `queries.jsonl`
  /// @throws IOException if that is damaged
  public long allQueries() throws IOException {
    return QueryLog.queries(run.layout().queries());
  }

  /// Ends the workers that this side has started, and frees what it planned. Idempotent.
  @Override
  public void close() {
    owned.close();
  }
}
