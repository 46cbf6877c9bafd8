package asymml.trusted.train;

import asymml.kernels.Closer;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.privacy.Ledger;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.FeatureCache;
import asymml.trusted.data.ImageSet;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.Plan;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.split.Workers;
import asymml.trusted.train.Checkpoint.Position;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// Trains a network: draws batches, runs the planned network forward and backward, applies the
/// optimiser, evaluates after each epoch, and keeps metrics and checkpoint such that a run that was
/// stopped at any moment continues to the same result.
public final class Trainer implements AutoCloseable {
  private final RunPlan run;
  private final InitialValues initial;
  private final Parameters parameters;
  private final Execution execution;
  private final @Nullable WeightAverage average;
  private final @Nullable FeatureCache features;
  private final EpochEnd.Scorer scorer;
  private final @Nullable Evaluator evaluation;
  private final Closer owned = new Closer();

  /// How a call of [#run] ended.
  public enum Outcome {
    /// All epochs are done.
    FINISHED,
    /// It was asked to stop; the checkpoint holds every step that was done.
    STOPPED,
    /// The privacy budget buys no further step; the checkpoint holds every step that was done.
    BUDGET_SPENT,
    /// The validation accuracy has not improved for as many epochs as were waited for.
    EARLY_STOPPED
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
    this(config, data, publicImages, workers, earlier, InitialValues.drawn(config.seed()));
  }

  /// Plans a run that begins with parameters of its own.
  ///
  /// @param config what to compute
  /// @param data what on
  /// @param publicImages for clip bounds and bases; see [TrainConfig#needsPublicImages]
  /// @param workers who compute the untrusted parts; needed unless the plan is all trusted
  /// @param earlier the ledger of the run that is to be resumed, null for a new one
  /// @param initial parameters of the first step; they must not depend on private images of a run
  ///   that is accounted for
  /// @throws IllegalArgumentException if model, plan and images do not fit together, or the run
  ///   cannot be accounted for
  /// @throws ProtocolException if the worker refuses an operation
  public Trainer(
      TrainConfig config,
      DataSet data,
      @Nullable ImageSet publicImages,
      @Nullable Workers workers,
      @Nullable Ledger earlier,
      InitialValues initial)
      throws ProtocolException {
    this(config, data, publicImages, workers, null, earlier, initial);
  }

  /// Plans a run whose gradients are computed by a cluster.
  ///
  /// @param config what to compute
  /// @param data what is known of the images
  /// @param stage computes the sums of gradients
  /// @param earlier the ledger of the run that is to be resumed, null for a new one
  /// @param initial parameters of the first step; they must not depend on private images of a run
  ///   that is accounted for
  /// @return the planned run, which the caller closes
  /// @throws IllegalArgumentException if model, plan and images do not fit together, or the run
  ///   cannot be computed in parts or not be accounted for
  /// @throws ProtocolException never: there is no worker here
  public static Trainer onCluster(
      TrainConfig config,
      DataSet data,
      GradientStage stage,
      @Nullable Ledger earlier,
      InitialValues initial)
      throws ProtocolException {
    return new Trainer(config, data, null, null, stage, earlier, initial);
  }

  private Trainer(
      TrainConfig config,
      DataSet data,
      @Nullable ImageSet publicImages,
      @Nullable Workers workers,
      @Nullable GradientStage stage,
      @Nullable Ledger earlier,
      InitialValues initial)
      throws ProtocolException {
    this.initial = initial;
    if (workers != null && !workers.compute()) {
      throw new IllegalArgumentException(
          "the worker computes nothing, it is for benchmarks: start one with device cpu or cuda:N");
    }
    run = RunPlan.of(config, data);
    requireAccountable(publicImages, workers == null || workers.isUnpredictable());
    if (config.needsPublicImages(run.plan()) && publicImages == null) {
      throw new IllegalArgumentException("a run that is accounted for needs public images");
    }
    try (Closer opened = new Closer()) {
      parameters =
          opened.own(
              new Parameters(run.graph(), initial.initializer(), true, run.plan().heldWeights()));
      if (config.optimizer().algorithm() == TrainConfig.Algorithm.ADAMW) {
        parameters.keepSecondMoments();
      }
      execution =
          opened.own(
              stage != null
                  ? new StageExecution(run, parameters, stage, earlier)
                  : workers == null
                      ? alone(earlier)
                      : new SplitExecution(
                          run, parameters, Optional.ofNullable(publicImages), workers, earlier));
      average = average(config, initial.initializer());
      if (average != null) {
        opened.own(average);
        owned.own(average);
      }
      Parameters tested = average == null ? parameters : average.values();
      if (stage == null) {
        Evaluator evaluator = new Evaluator(run.graph(), tested, run.physicalBatch(), true);
        // It has planned nothing yet, so that nothing is lost if the rest fails.
        evaluation = evaluator;
        scorer = EpochEnd.Scorer.of(evaluator);
        features =
            FeatureCache.of(run.graph(), run.data().train(), run.normalization()).orElse(null);
      } else {
        scorer = (_, _, _) -> stage.score(tested.copy());
        evaluation = null;
        features = null;
      }
      if (features != null) {
        owned.own(features);
      }
      owned.own(parameters);
      owned.own(execution);
      if (evaluation != null) {
        owned.own(evaluation);
      }
      opened.release();
    }
  }

  private Execution alone(@Nullable Ledger earlier) {
    DpSgd dpSgd = run.config().privacy().dpSgd();
    return dpSgd == null
        ? new TrustedExecution(run, parameters)
        : new DpSgdExecution(run, dpSgd, parameters, earlier);
  }

  private @Nullable WeightAverage average(TrainConfig config, Initializer initializer) {
    DpSgd dpSgd = config.privacy().dpSgd();
    return dpSgd == null || dpSgd.weightAverage() == 0
        ? null
        : new WeightAverage(run.graph(), initializer, dpSgd);
  }

  private void requireAccountable(@Nullable ImageSet publicImages, boolean unpredictable) {
    List<FormalCheck.Finding> findings =
        FormalCheck.check(
            run.config(),
            run.graph(),
            run.plan(),
            run.examples(),
            publicImages == null ? null : publicImages.shape(),
            unpredictable);
    if (!findings.isEmpty()) {
      throw new IllegalArgumentException(FormalCheck.refusal(findings));
    }
    if (publicImages != null && run.config().privacy().accounted()) {
      requirePublic(publicImages, run.data());
    }
  }

  /// Bounds and bases would be statistics of the private images that are among the public ones.
  private static void requirePublic(ImageSet images, DataSet data) {
    int shared = images.sharedWith(data.train(), data.heldOut(), data.test());
    if (shared > 0) {
      throw new IllegalArgumentException(
          "%s of the %s public images are training or test images of this run: public images must be no secret, and others"
              .formatted(shared, images.size()));
    }
  }

  /// The plan of the linear layers.
  ///
  /// @return placements by layer
  public Plan plan() {
    return run.plan();
  }

  /// The network.
  ///
  /// @return its layers
  public Graph graph() {
    return run.graph();
  }

  /// What the run will have released when it ends, if it goes to its end.
  ///
  /// @return empty if nothing is released
  public Optional<Ledger> forecast() {
    return execution.forecast();
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
    RunCheckpoint checkpoint =
        new RunCheckpoint(layout, identity(), parameters, average, execution);
    Position start = resume ? resumed(layout, checkpoint, listener) : begun(layout, checkpoint);
    try (EpochLog log = EpochLog.open(layout, Clock.systemUTC(), resume)) {
      EpochEnd epochEnd = new EpochEnd(run, scorer, checkpoint, log, listener);
      return new TrainingLoop(
              run,
              layout,
              checkpoint,
              epochEnd,
              features,
              new TrainingLoop.Callbacks(listener, analysis, stop))
          .run(start);
    }
  }

  private Map<String, String> identity() {
    Map<String, String> identity = run.identity();
    if (initial.sha256() != null) {
      identity.put("initialParameters", initial.sha256());
    }
    return identity;
  }

  private Position begun(RunLayout layout, RunCheckpoint checkpoint) throws IOException {
    Position start = new Position(0, 0, EpochTotals.ZERO);
    execution.begin(layout);
    checkpoint.save(start);
    return start;
  }

  private Position resumed(RunLayout layout, RunCheckpoint checkpoint, TrainListener listener)
      throws IOException, TrainingException {
    Position saved = checkpoint.read();
    @Nullable EpochMetrics best =
        EpochMetrics.best(MetricsLog.truncateAfter(layout, saved.epoch())).orElse(null);
    if (run.config().choosesBest()
        && best != null
        && best.epoch() == saved.epoch()
        && saved.totals().batches() == 0) {
      // It may have died between the two files.
      checkpoint.saveBest(saved);
    }
    Position start = execution.resumed(layout, saved, run.batches());
    if (start.step() > saved.step()) {
      listener.stepsSkipped(start.step() - saved.step());
    }
    return start;
  }

  /// Zeroes and frees parameters, activations and bases.
  @Override
  public void close() {
    owned.close();
  }
}
