package asymml.trusted.train;

import asymml.kernels.Elementwise;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.Batch;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.Shuffle;
import asymml.trusted.execute.Network;
import asymml.trusted.execute.Parameters;
import asymml.trusted.execute.Plan;
import asymml.trusted.execute.SplitContext;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Checkpoint.Position;
import asymml.trusted.train.EpochTotals.Cost;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// Trains a network: draws batches, runs the planned network forward and backward, applies SGD,
/// evaluates after each epoch, and keeps metrics and checkpoint such that a run that was stopped at
/// any moment continues to the same result.
public final class Trainer implements AutoCloseable {
  private final TrainConfig config;
  private final DataSet data;
  private final TrainedModel.Description description;
  private final Graph graph;
  private final Plan plan;
  private final @Nullable RemoteWorker worker;
  private final @Nullable SplitContext split;
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
    STOPPED
  }

  /// Plans a run.
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
    this.config = config;
    this.data = data;
    this.worker = worker;
    description =
        TrainedModel.Description.of(
            config.model(), config.norm(), data.train(), data.normalization());
    graph = description.graph();
    plan =
        Plan.of(
            graph, config.mode(), config.decomposition(), config.rank(), config.trustedLayers());
    batchSize = Math.min(config.batchSize(), data.train().size());
    batches = (data.train().size() + batchSize - 1) / batchSize;
    schedule = config.optimizer().schedule(batches, config.epochs());
    identity = identity();
    parameters = new Parameters(graph, new Initializer(config.seed()), true);
    evaluator = new Evaluator(graph, parameters, batchSize);
    split =
        worker == null || door == null
            ? null
            : new SplitContext(graph, plan, batchSize, config.noise(), worker, door);
    planNetworks();
  }

  private void planNetworks() throws ProtocolException {
    boolean planned = false;
    try {
      planNetwork(batchSize);
      if (data.train().size() % batchSize != 0) {
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
    networks.put(batch, Network.forTraining(graph, plan, batch, parameters, split, config.seed()));
  }

  private void mapRegion() throws ProtocolException {
    long bytes = networks.values().stream().mapToLong(Network::regionBytes).max().orElse(0);
    if (bytes > 0 && worker != null) {
      worker.mapRegion(bytes);
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

  /// Trains until the last epoch or until asked to stop.
  ///
  /// @param layout where metrics, events and checkpoint go
  /// @param resume whether to go on from the checkpoint there
  /// @param listener hears how it goes
  /// @param stop asked after each step
  /// @return how it ended
  /// @throws IOException if a file cannot be read or written, or the worker failed
  /// @throws TrainingException if training diverged or the checkpoint is of another run
  public Outcome run(RunLayout layout, boolean resume, TrainListener listener, BooleanSupplier stop)
      throws IOException, TrainingException {
    Position position = new Position(0, 0, EpochTotals.ZERO);
    if (resume) {
      position = Checkpoint.read(layout.checkpoint(), identity, parameters, split);
      MetricsLog.truncateAfter(layout.metrics(), position.epoch());
    } else {
      save(layout, position);
    }
    try (EpochLog log = EpochLog.open(layout, Clock.systemUTC())) {
      while (position.epoch() < config.epochs()) {
        position = trainEpoch(position, listener, stop);
        if (position.totals().batches() < batches) {
          Divergence.check(parameters, position.step() - 1);
          save(layout, position);
          return Outcome.STOPPED;
        }
        position = endEpoch(layout, position, log, listener);
        if (stop.getAsBoolean() && position.epoch() < config.epochs()) {
          return Outcome.STOPPED;
        }
      }
    }
    return Outcome.FINISHED;
  }

  /// Trains the rest of an epoch.
  private Position trainEpoch(Position start, TrainListener listener, BooleanSupplier stop)
      throws ProtocolException, TrainingException {
    int epoch = start.epoch() + 1;
    EpochTotals totals = start.totals();
    listener.epochStarted(epoch, batches, totals.batches());
    long epochSeed = config.seed() * 1_000_003 + epoch;
    int[] order = Shuffle.order(data.train().size(), epochSeed);
    Cost before = costSoFar();
    long step = start.step();
    try (BatchLoader loader =
        new BatchLoader(
            data.train(),
            data.normalization(),
            augmentation(),
            order,
            batchSize,
            epochSeed,
            totals.batches())) {
      while (loader.hasNext() && !(stop.getAsBoolean() && totals.batches() > 0)) {
        long began = System.nanoTime();
        Batch batch = loader.next();
        SoftmaxCrossEntropy.Result result = step(batch, step);
        step++;
        totals = totals.plusStep(batch.size(), result, (System.nanoTime() - began) / 1e9);
        listener.stepDone(totals);
      }
    }
    Cost spent = costSoFar().minus(before);
    return new Position(start.epoch(), step, totals.withCost(start.totals().cost().plus(spent)));
  }

  private SoftmaxCrossEntropy.Result step(Batch batch, long step)
      throws ProtocolException, TrainingException {
    Network network = networks.get(batch.size());
    if (network == null) {
      throw new IllegalStateException("no network was planned for " + batch.size() + " examples");
    }
    network.input().copyFrom(batch.images());
    try {
      network.forward(step);
    } catch (NonFiniteException e) {
      throw new TrainingException(Divergence.line(step, "the activations are no longer finite"), e);
    }
    SoftmaxCrossEntropy.Result result = evaluateLoss(network, batch.labels(), step);
    network.backward();
    update(schedule.at(step));
    return result;
  }

  private SoftmaxCrossEntropy.Result evaluateLoss(Network network, int[] labels, long step)
      throws TrainingException {
    if (!Elementwise.allFinite(network.logits())) {
      throw new TrainingException(Divergence.line(step, "the outputs are no longer finite"));
    }
    return SoftmaxCrossEntropy.evaluate(
        network.logits(), labels, config.labelSmoothing(), network.logitsGradient());
  }

  private void update(float rate) {
    TrainConfig.Optimizer optimizer = config.optimizer();
    for (Parameter p : parameters.all()) {
      if (p.kind().trained()) {
        Elementwise.sgd(
            parameters.value(p.name()),
            parameters.velocity(p.name()),
            parameters.gradient(p.name()),
            rate,
            optimizer.momentum(),
            p.kind() == Parameter.Kind.WEIGHT ? optimizer.weightDecay() : 0);
      }
    }
    parameters.changed();
  }

  /// Evaluates, logs, and only then moves the checkpoint on: a run that dies in between repeats the
  /// epoch and replaces its line.
  private Position endEpoch(
      RunLayout layout, Position position, EpochLog log, TrainListener listener)
      throws IOException, TrainingException {
    Divergence.check(parameters, position.step() - 1);
    EpochTotals totals = position.totals();
    Evaluator.Score test = test(position.step() - 1, listener);
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

  private Evaluator.Score test(long lastStep, TrainListener listener) throws TrainingException {
    try {
      return evaluator.score(data.test(), data.normalization(), listener::evaluated);
    } catch (TrainingException e) {
      throw new TrainingException(
          Divergence.line(lastStep, "the outputs on the test images are no longer finite"), e);
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
    return config.augment() ? data.augmentation() : Augmentation.none();
  }

  private Cost costSoFar() {
    double cpu =
        ProcessHandle.current().info().totalCpuDuration().map(d -> d.toNanos() / 1e9).orElse(0.0);
    return worker == null
        ? new Cost(cpu, 0, 0, 0)
        : new Cost(
            cpu, worker.workerCpuNanos() / 1e9, worker.bytesToWorker(), worker.bytesFromWorker());
  }

  /// Zeroes and frees parameters, activations and bases.
  @Override
  public void close() {
    networks.values().forEach(Network::close);
    evaluator.close();
    if (split != null) {
      split.close();
    }
    parameters.close();
  }
}
