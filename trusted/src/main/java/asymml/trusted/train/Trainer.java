package asymml.trusted.train;

import asymml.kernels.Elementwise;
import asymml.kernels.ProcessorTime;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.privacy.Ledger;
import asymml.privacy.Sampling;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.Batch;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.data.PoissonDraw;
import asymml.trusted.data.Shuffle;
import asymml.trusted.network.Network;
import asymml.trusted.network.SplitNetwork;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;
import asymml.trusted.passes.PublicPass;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.Shield;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.split.SplitContext;
import asymml.trusted.split.Workers;
import asymml.trusted.train.Checkpoint.Position;
import asymml.trusted.train.EpochTotals.Cost;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.SecureRandom;
import java.time.Clock;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Trains a network: draws batches, runs the planned network forward and backward, applies SGD,
/// evaluates after each epoch, and keeps metrics and checkpoint such that a run that was stopped at
/// any moment continues to the same result.
public final class Trainer implements AutoCloseable {
  /// Public images used at a time.
  private static final int PUBLIC_IMAGES = 64;

  private final TrainConfig config;
  private final DataSet data;
  private final Normalization normalization;
  private final TrainedModel.Description description;
  private final Graph graph;
  private final Plan plan;
  private final @Nullable Workers workers;
  private final @Nullable SplitContext split;
  private final @Nullable Accounting accounting;
  private final @Nullable LedgerKeeper ledger;
  private final @Nullable PublicPass publicPass;
  private final PoissonDraw draw = new PoissonDraw(new SecureRandom());
  private final Parameters parameters;
  private final Evaluator evaluator;
  private final Map<Integer, Network> networks = new LinkedHashMap<>();
  private final int batchSize;
  private final int batches;
  private final LearningRateSchedule schedule;
  private final Map<String, String> identity;

  /// How a call of [#run] ended.
  public enum Outcome {
    /// All epochs are done.
    FINISHED,
    /// It was asked to stop; the checkpoint holds every step that was done.
    STOPPED,
    /// The privacy budget buys no further step; the checkpoint holds every step that was done.
    BUDGET_SPENT
  }

  /// Plans a run that accounts for nothing, or needs no worker.
  ///
  /// @param config what to compute
  /// @param data what on
  /// @param worker who computes the untrusted parts; needed unless the plan is all trusted
  /// @param door the way out to that worker; needed with it
  /// @throws IllegalArgumentException if model, plan and images do not fit together
  /// @throws ProtocolException if the worker refuses an operation
  public Trainer(
      TrainConfig config, DataSet data, @Nullable RemoteWorker worker, @Nullable ReleaseDoor door)
      throws ProtocolException {
    this(
        config,
        data,
        null,
        worker == null || door == null ? null : Workers.one(worker, door),
        null);
  }

  /// Plans a run.
  ///
  /// @param config what to compute
  /// @param data what on
  /// @param publicImages for clip bounds and bases; see [TrainConfig#needsPublicImages]
  /// @param workers who compute the untrusted parts; needed unless the plan is all trusted
  /// @param earlier the ledger of the run that is to be resumed, null for a new one
  /// @throws IllegalArgumentException if model, plan and images do not fit together, or the run
  ///   cannot be accounted for
  /// @throws ProtocolException if the worker refuses an operation
  public Trainer(
      TrainConfig config,
      DataSet data,
      @Nullable ImageSet publicImages,
      @Nullable Workers workers,
      @Nullable Ledger earlier)
      throws ProtocolException {
    this.config = config;
    this.data = data;
    this.workers = workers;
    if (workers != null && !workers.compute()) {
      throw new IllegalArgumentException(
          "the worker computes nothing, it is for benchmarks: start one with --device cpu or cuda:N");
    }
    // The statistics of private pixels would be a release of their own.
    normalization =
        config.privacy().accounted()
            ? Normalization.constant(data.train().shape().channels())
            : data.normalization();
    description =
        TrainedModel.Description.of(config.model(), config.norm(), data.train(), normalization);
    graph = description.graph();
    plan =
        Plan.of(
            graph, config.mode(), config.decomposition(), config.rank(), config.trustedLayers());
    if (workers == null) {
      plan.requireTrusted();
    }
    int examples = data.train().size();
    requireAccountable(publicImages, workers == null || workers.isUnpredictable());
    batchSize = Math.min(config.batchSize(), examples);
    batches = (examples + batchSize - 1) / batchSize;
    schedule = config.optimizer().schedule(batches, config.epochs());
    parameters = new Parameters(graph, new Initializer(config.seed()), true);
    boolean planned = false;
    try {
      publicPass = config.needsPublicImages(plan) ? publicPass(publicImages) : null;
      accounting =
          workers == null
              ? null
              : Accounting.of(config, graph, plan, examples, this::publicBounds, earlier)
                  .requirePrecision();
      ledger =
          accounting == null
              ? null
              : new LedgerKeeper(accounting, config.privacy().accounted(), earlier);
      planned = true;
    } finally {
      if (!planned) {
        parameters.close();
      }
    }
    identity = identity();
    evaluator = new Evaluator(graph, parameters, batchSize);
    split =
        workers == null || accounting == null
            ? null
            : new SplitContext(graph, slots(), accounting.releases(), workers);
    planNetworks();
  }

  private void requireAccountable(@Nullable ImageSet publicImages, boolean unpredictable) {
    List<FormalCheck.Finding> findings =
        FormalCheck.look(
            config,
            graph,
            plan,
            data.train().size(),
            publicImages == null ? null : publicImages.shape(),
            unpredictable);
    if (!findings.isEmpty()) {
      throw new IllegalArgumentException(FormalCheck.refusal(findings));
    }
    if (publicImages != null && config.privacy().accounted()) {
      requirePublic(publicImages, data);
    }
  }

  /// Bounds and bases would be statistics of the private images that are among the public ones.
  private static void requirePublic(ImageSet images, DataSet data) {
    int shared = images.sharedWith(data.train(), data.test());
    if (shared > 0) {
      throw new IllegalArgumentException(
          "%d of the %d public images are training or test images of this run: public images must be no secret, and others"
              .formatted(shared, images.size()));
    }
  }

  private PublicPass publicPass(@Nullable ImageSet images) {
    if (images == null) {
      throw new IllegalArgumentException("a run that is accounted for needs public images");
    }
    int count = Math.min(Math.min(PUBLIC_IMAGES, batchSize), images.size());
    int[] order = IntStream.range(0, count).toArray();
    try (BatchLoader loader =
        new BatchLoader(images, normalization, Augmentation.none(), order, count, 0, 0)) {
      Batch batch = loader.next();
      int[] labels = Arrays.stream(batch.labels()).map(l -> l % graph.classes()).toArray();
      return new PublicPass(graph, parameters, batch.images(), labels);
    }
  }

  private ReleaseTerms.Bounds publicBounds() {
    return publicPass == null
        ? new ReleaseTerms.Bounds(Map.of())
        : publicPass.bounds(plan, batchSize);
  }

  /// How many places a batch has.
  private int slots() {
    return isPoisson() && accounting != null ? accounting.slots() : batchSize;
  }

  private boolean isPoisson() {
    return config.privacy().drawing() == PrivacyConfig.Drawing.POISSON;
  }

  private void planNetworks() throws ProtocolException {
    boolean planned = false;
    try {
      planNetwork(slots());
      if (!isPoisson() && data.train().size() % batchSize != 0) {
        planNetwork(data.train().size() % batchSize);
      }
      mapRegion();
      planned = true;
    } finally {
      if (!planned) {
        close();
      }
    }
  }

  private void planNetwork(int batch) throws ProtocolException {
    networks.put(
        batch,
        split == null
            ? TrustedNetwork.forTraining(graph, batch, parameters, config.seed())
            : SplitNetwork.forTraining(graph, plan, batch, parameters, split, config.seed()));
  }

  private void mapRegion() throws ProtocolException {
    long bytes = networks.values().stream().mapToLong(Network::regionBytes).max().orElse(0);
    if (bytes > 0 && workers != null) {
      workers.mapRegion(bytes);
    }
  }

  /// The plan of the linear layers.
  ///
  /// @return placements by layer
  public Plan plan() {
    return plan;
  }

  /// The network.
  ///
  /// @return its layers
  public Graph graph() {
    return graph;
  }

  /// What the run will have released when it ends, if it goes to its end.
  ///
  /// @return empty if nothing leaves
  public Optional<Ledger> forecast() {
    return Optional.ofNullable(accounting).map(a -> a.ledger(a.steps()));
  }

  /// Trains until the last epoch, until asked to stop, or until the privacy budget is spent.
  ///
  /// @param layout where metrics, events, ledger and checkpoint go
  /// @param resume whether to go on from the checkpoint there
  /// @param listener hears how it goes
  /// @param stop asked after each step
  /// @return how it ended
  /// @throws IOException if a file cannot be read or written, or the worker failed
  /// @throws TrainingException if training diverged or the checkpoint is of another run
  public Outcome run(RunLayout layout, boolean resume, TrainListener listener, BooleanSupplier stop)
      throws IOException, TrainingException {
    return run(layout, resume, listener, EpochAnalysis.NONE, stop);
  }

  /// The same with a look at the network after each epoch.
  ///
  /// @param layout where metrics, events, ledger and checkpoint go
  /// @param resume whether to go on from the checkpoint there
  /// @param listener hears how it goes
  /// @param analysis looks at the network after each epoch, when its checkpoint is written
  /// @param stop asked after each step
  /// @return how it ended
  /// @throws IOException if a file cannot be read or written, or the worker failed
  /// @throws TrainingException if training diverged or the checkpoint is of another run
  public Outcome run(
      RunLayout layout,
      boolean resume,
      TrainListener listener,
      EpochAnalysis analysis,
      BooleanSupplier stop)
      throws IOException, TrainingException {
    Position position = new Position(0, 0, EpochTotals.ZERO);
    if (resume) {
      position = Checkpoint.read(layout.checkpoint(), identity, parameters, split);
      MetricsLog.truncateAfter(layout.metrics(), position.epoch());
      if (ledger != null) {
        long saved = position.step();
        position = ledger.afterSpent(position, batches);
        if (position.step() > saved) {
          listener.stepsSkipped(position.step() - saved);
        }
      }
    } else {
      if (ledger != null) {
        ledger.begin(layout);
      }
      save(layout, position);
    }
    try (EpochLog log = EpochLog.open(layout, Clock.systemUTC())) {
      while (position.epoch() < config.epochs()) {
        if (budgetSpent(position) && position.totals().batches() == 0) {
          return Outcome.BUDGET_SPENT;
        }
        position = trainEpoch(layout, position, listener, stop);
        if (ledger != null) {
          ledger.settle(layout, position.step());
        }
        Divergence.check(parameters, position.step() - 1);
        if (position.totals().batches() < batches && !budgetSpent(position)) {
          save(layout, position);
          return Outcome.STOPPED;
        }
        position = endEpoch(layout, position, log, listener);
        analysis.analyze(position.epoch(), position.step(), graph, parameters, normalization);
        if (stop.getAsBoolean() && position.epoch() < config.epochs()) {
          return Outcome.STOPPED;
        }
      }
    }
    return budgetSpent(position) ? Outcome.BUDGET_SPENT : Outcome.FINISHED;
  }

  private boolean budgetSpent(Position position) {
    return accounting != null
        && position.step() >= accounting.steps()
        && accounting.steps() < (long) batches * config.epochs();
  }

  /// Trains the rest of an epoch.
  private Position trainEpoch(
      RunLayout layout, Position start, TrainListener listener, BooleanSupplier stop)
      throws IOException, TrainingException {
    int epoch = start.epoch() + 1;
    EpochTotals totals = start.totals();
    long step = start.step();
    long last = accounting == null ? Long.MAX_VALUE : accounting.steps();
    while (totals.batches() < batches && step < last && mustWaitForBasis(step)) {
      totals = totals.plusLost(1);
      step++;
    }
    listener.epochStarted(epoch, batches, totals.batches());
    Cost before = costSoFar();
    try (BatchLoader loader = loader(epoch, totals.batches())) {
      while (loader.hasNext() && step < last && !(stop.getAsBoolean() && totals.batches() > 0)) {
        long began = System.nanoTime();
        if (ledger != null) {
          ledger.reserve(layout, step, Math.min(batches - totals.batches(), last - step));
        }
        Batch batch = loader.next();
        SoftmaxCrossEntropy.Result result;
        try {
          result = step(batch, step);
        } catch (ProtocolException e) {
          if (ledger != null && config.privacy().accounted() && isGone(e)) {
            // The steps that are done are spent: what they led to must not be lost with this one.
            Divergence.check(parameters, step - 1);
            save(layout, position(start, step, totals, before));
            ledger.settle(layout, step + 1);
          }
          throw e;
        }
        step++;
        totals = totals.plusStep(result, (System.nanoTime() - began) / 1e9);
        listener.stepDone(totals);
      }
    }
    return position(start, step, totals, before);
  }

  /// Whether a worker went away. Results that are not finite may be training's own fault, and a
  /// checkpoint before it diverged is worth more.
  private static boolean isGone(ProtocolException e) {
    return e.reason() != ProtocolException.Reason.VIOLATION;
  }

  private Position position(Position start, long step, EpochTotals totals, Cost before) {
    Cost spent = costSoFar().minus(before);
    return new Position(start.epoch(), step, totals.withCost(start.totals().cost().plus(spent)));
  }

  /// Whether a basis is missing that only the next renewal can bring: the steps until then were
  /// lost with it, and are spent.
  private boolean mustWaitForBasis(long step) {
    return split != null
        && accounting != null
        && !accounting.usesPublicBasis()
        && !split.hasBases()
        && !split.refreshes(step);
  }

  /// What order and augmentation of an epoch, from 1, follow from.
  static long epochSeed(long seed, int epoch) {
    return seed * 1_000_003 + epoch;
  }

  private BatchLoader loader(int epoch, int done) {
    long epochSeed = epochSeed(config.seed(), epoch);
    int examples = data.train().size();
    int[] order;
    int first = done;
    if (accounting != null && accounting.sampling() instanceof Sampling.Poisson poisson) {
      order = draw.order(examples, poisson.rate().value(), poisson.slots(), batches - done);
      first = 0;
    } else {
      order = Shuffle.order(examples, epochSeed);
    }
    return new BatchLoader(
        data.train(), normalization, augmentation(), order, slots(), epochSeed, first);
  }

  private SoftmaxCrossEntropy.Result step(Batch batch, long step)
      throws ProtocolException, TrainingException {
    Network network = networks.get(batch.size());
    if (network == null) {
      throw new IllegalStateException("no network was planned for " + batch.size() + " examples");
    }
    network.input().copyFrom(batch.images());
    prepareSplit(batch.labels(), step);
    try {
      network.forward(step);
      SoftmaxCrossEntropy.Result result = evaluateLoss(network, batch.labels(), step);
      network.backward();
      TrainConfig.Optimizer optimizer = config.optimizer();
      parameters.update(schedule.at(step), optimizer.momentum(), optimizer.weightDecay());
      return result;
    } catch (NonFiniteException e) {
      throw Divergence.at(step, "the activations are no longer finite", e);
    }
  }

  private void prepareSplit(int[] labels, long step) {
    if (split == null || accounting == null) {
      return;
    }
    split.nullExamples(i -> labels[i] == SoftmaxCrossEntropy.NO_LABEL);
    if (publicPass != null
        && accounting.usesPublicBasis()
        && (split.refreshes(step) || !split.hasBases())) {
      publicPass.fitBases(split);
    }
  }

  private SoftmaxCrossEntropy.Result evaluateLoss(Network network, int[] labels, long step)
      throws TrainingException {
    if (!Elementwise.allFinite(network.logits())) {
      throw Divergence.at(step, "the outputs are no longer finite", null);
    }
    // How many were drawn is private: the gradient is over the expected number.
    double divisor = isPoisson() ? batchSize : labels.length;
    return SoftmaxCrossEntropy.evaluate(
        network.logits(), labels, config.labelSmoothing(), divisor, network.logitsGradient());
  }

  /// Evaluates, logs, and only then moves the checkpoint on: a run that dies in between repeats the
  /// epoch, or if it is accounted for the evaluation, and replaces its line.
  private Position endEpoch(
      RunLayout layout, Position position, EpochLog log, TrainListener listener)
      throws IOException, TrainingException {
    EpochTotals totals = position.totals();
    Evaluator.Score test = test(layout, position, listener);
    Position next = new Position(position.epoch() + 1, position.step(), EpochTotals.ZERO);
    EpochMetrics line =
        new EpochMetrics(
            next.epoch(),
            next.step(),
            totals.meanLoss(),
            totals.accuracy(),
            test.loss(),
            test.accuracy(),
            schedule.at(next.step() - 1),
            totals.imagesPerSecond(),
            totals.cost().trustedCpuSeconds(),
            totals.cost().workerCpuSeconds(),
            totals.cost().bytesToWorker(),
            totals.cost().bytesFromWorker());
    log.append(line);
    save(layout, next);
    listener.epochDone(line);
    return next;
  }

  /// In a run that is accounted for the epoch's steps are spent, and a kill must not lose them:
  /// they are saved first, and taken back if it turns out that training has diverged.
  private Evaluator.Score test(RunLayout layout, Position position, TrainListener listener)
      throws IOException, TrainingException {
    if (!config.privacy().accounted()) {
      return test(position.step() - 1, listener);
    }
    Path tested = layout.checkpoint().resolveSibling("checkpoint.tested.safetensors");
    Files.copy(layout.checkpoint(), tested, StandardCopyOption.REPLACE_EXISTING);
    save(layout, position);
    try {
      return test(position.step() - 1, listener);
    } catch (TrainingException e) {
      Files.move(tested, layout.checkpoint(), StandardCopyOption.ATOMIC_MOVE);
      throw e;
    } finally {
      Files.deleteIfExists(tested);
    }
  }

  private Evaluator.Score test(long lastStep, TrainListener listener) throws TrainingException {
    try {
      return evaluator.score(data.test(), normalization, listener::evaluated);
    } catch (TrainingException e) {
      throw Divergence.at(lastStep, "the outputs on the test images are no longer finite", e);
    }
  }

  private void save(RunLayout layout, Position position) throws IOException {
    Checkpoint.write(layout.checkpoint(), identity, position, parameters, split);
  }

  /// What a checkpoint must share with the run that resumes it.
  private Map<String, String> identity() {
    Map<String, String> identity = new LinkedHashMap<>();
    description.save(identity);
    identity.put("plan", plan.layers().toString());
    identity.put("noise", config.noise().toString());
    if (config.shield() instanceof Shield.Shares) {
      identity.put("shield", config.shield().toString());
    }
    if (!(config.gradientNoise() instanceof NoiseStrength.None)) {
      identity.put("gradientNoise", config.gradientNoise().toString());
    }
    if (config.privacy().accounted()) {
      identity.put("privacy", config.privacy().toString());
    }
    identity.put("seed", Long.toString(config.seed()));
    identity.put("batchSize", Integer.toString(batchSize));
    identity.put("epochs", Integer.toString(config.epochs()));
    identity.put("optimizer", config.optimizer().toString());
    identity.put("labelSmoothing", Float.toString(config.labelSmoothing()));
    identity.put("augmentation", augmentation().toString());
    identity.put("trainData", data.train().digest());
    identity.put("testData", data.test().digest());
    return identity;
  }

  private Augmentation augmentation() {
    return augmentation(config, data);
  }

  static Augmentation augmentation(TrainConfig config, DataSet data) {
    return config.augment() ? data.augmentation() : Augmentation.none();
  }

  private Cost costSoFar() {
    double cpu = ProcessorTime.nanos() / 1e9;
    return workers == null
        ? new Cost(cpu, 0, 0, 0)
        : new Cost(cpu, workers.cpuNanos() / 1e9, workers.bytesOut(), workers.bytesBack());
  }

  /// Zeroes and frees parameters, activations and bases.
  @Override
  public void close() {
    networks.values().forEach(Network::close);
    evaluator.close();
    if (publicPass != null) {
      publicPass.close();
    }
    if (split != null) {
      split.close();
    }
    parameters.close();
  }
}
