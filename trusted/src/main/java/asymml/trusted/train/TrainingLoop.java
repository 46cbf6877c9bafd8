package asymml.trusted.train;

import asymml.kernels.SoftmaxCrossEntropy;
import asymml.privacy.Sampling;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.FeatureCache;
import asymml.trusted.data.ImageLostException;
import asymml.trusted.draw.PoissonDraw;
import asymml.trusted.draw.Shuffle;
import asymml.trusted.ops.Parameters;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Checkpoint.Position;
import asymml.trusted.train.EpochTotals.Cost;
import asymml.trusted.train.Trainer.Outcome;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// The loop over epochs and steps: draw a batch, run the network forward, take the loss, run it
/// backward, update the parameters. After each epoch comes [EpochEnd].
final class TrainingLoop {
  /// What a run reports to and asks.
  ///
  /// @param listener hears how it goes
  /// @param analysis looks at the network after each epoch
  /// @param stop asked after each step
  record Callbacks(TrainListener listener, EpochAnalysis analysis, BooleanSupplier stop) {}

  /// The rest of an epoch's steps.
  interface Steps extends AutoCloseable {
    boolean hasNext();

    /// Computes the parameters' gradients of the next step.
    ///
    /// @param step its number, from 0
    SoftmaxCrossEntropy.Result gradients(long step) throws ProtocolException, TrainingException;

    @Override
    void close();
  }

  /// Steps on batches that are loaded here.
  private record Loaded(BatchLoader loader, Execution execution) implements Steps {
    @Override
    public boolean hasNext() {
      return loader.hasNext();
    }

    @Override
    public SoftmaxCrossEntropy.Result gradients(long step)
        throws ProtocolException, TrainingException {
      return execution.gradients(loader, step);
    }

    @Override
    public void close() {
      loader.close();
    }
  }

  private final RunPlan run;
  private final RunLayout layout;
  private final Parameters parameters;
  private final Execution execution;
  private final RunCheckpoint checkpoint;
  private final EpochEnd epochEnd;
  private final @Nullable FeatureCache features;
  private final Callbacks callbacks;
  private final LearningRateSchedule schedule;
  private final int batches;
  private final PoissonDraw draw = new PoissonDraw(new SecureRandom());

  TrainingLoop(
      RunPlan run,
      RunLayout layout,
      RunCheckpoint checkpoint,
      EpochEnd epochEnd,
      @Nullable FeatureCache features,
      Callbacks callbacks) {
    this.run = run;
    this.layout = layout;
    this.parameters = checkpoint.parameters();
    this.execution = checkpoint.execution();
    this.checkpoint = checkpoint;
    this.epochEnd = epochEnd;
    this.features = features;
    this.callbacks = callbacks;
    this.schedule = run.schedule();
    this.batches = run.batches();
  }

  /// Trains until the last epoch, until asked to stop, until validation no longer improves, or
  /// until the privacy budget is spent.
  ///
  /// @param start where to begin
  Outcome run(Position start) throws IOException, TrainingException {
    Position position = start;
    while (position.epoch() < run.config().epochs()) {
      if (budgetSpent(position) && position.totals().batches() == 0) {
        return Outcome.BUDGET_SPENT;
      }
      if (position.totals().batches() == 0 && epochEnd.isStalled(position.epoch())) {
        return Outcome.EARLY_STOPPED;
      }
      position = trainEpoch(position);
      execution.fetchParameters();
      execution.settle(layout, position.step());
      Divergence.check(parameters, position.step() - 1);
      if (position.totals().batches() < batches && !budgetSpent(position)) {
        checkpoint.save(position);
        return Outcome.STOPPED;
      }
      position = epochEnd.finish(position);
      callbacks
          .analysis()
          .analyze(position.epoch(), position.step(), run.graph(), parameters, run.normalization());
      if (stopped() && position.epoch() < run.config().epochs()) {
        return Outcome.STOPPED;
      }
    }
    return budgetSpent(position) ? Outcome.BUDGET_SPENT : Outcome.FINISHED;
  }

  private boolean stopped() {
    return callbacks.stop().getAsBoolean();
  }

  private boolean budgetSpent(Position position) {
    return position.step() >= execution.lastStep() && execution.lastStep() < run.steps();
  }

  /// Trains the rest of an epoch.
  private Position trainEpoch(Position start) throws IOException, TrainingException {
    int epoch = start.epoch() + 1;
    EpochTotals totals = start.totals();
    long step = start.step();
    long last = execution.lastStep();
    while (totals.batches() < batches && step < last && execution.mustWaitForBasis(step)) {
      totals = totals.plusLost(1);
      step++;
    }
    callbacks.listener().epochStarted(epoch, batches, totals.batches());
    Cost before = execution.cost();
    try (Steps steps = steps(epoch, totals.batches())) {
      while (steps.hasNext() && step < last && !(stopped() && totals.batches() > 0)) {
        long began = System.nanoTime();
        execution.reserve(layout, step, Math.min(batches - totals.batches(), last - step));
        SoftmaxCrossEntropy.Result result;
        try {
          result = step(steps, step);
        } catch (ProtocolException e) {
          keepSpentSteps(e, position(start, step, totals, before));
          throw e;
        } catch (ImageLostException e) {
          throw new TrainingException(e.getMessage() + "; the last checkpoint is intact", e);
        }
        step++;
        totals = totals.plusStep(result, (System.nanoTime() - began) / 1e9);
        callbacks.listener().stepDone(totals);
      }
    }
    return position(start, step, totals, before);
  }

  /// Where releases are accounted for, steps that are done are spent: what they led to must not be
  /// lost with a worker that went away. Results that are not finite may be training's own fault,
  /// and a checkpoint before it diverged is worth more.
  private void keepSpentSteps(ProtocolException failure, Position done)
      throws IOException, TrainingException {
    if (execution.isAccounted() && failure.reason() != ProtocolException.Reason.VIOLATION) {
      Divergence.check(parameters, done.step() - 1);
      checkpoint.save(done);
      execution.settle(layout, done.step() + 1);
    }
  }

  private Position position(Position start, long step, EpochTotals totals, Cost before) {
    Cost spent = execution.cost().minus(before);
    return new Position(start.epoch(), step, totals.withCost(start.totals().cost().plus(spent)));
  }

  private Steps steps(int epoch, int done) {
    return execution instanceof StageExecution stage
        ? stage.steps(done, run.epochSeed(epoch))
        : new Loaded(loader(epoch, done), execution);
  }

  private BatchLoader loader(int epoch, int done) {
    Sampling.Poisson poisson = execution.poisson().orElse(null);
    int[] order =
        poisson == null
            ? Shuffle.order(run.examples(), run.epochSeed(epoch))
            : draw.order(run.examples(), poisson.rate().value(), poisson.slots(), batches - done);
    if (poisson != null) {
      callbacks.listener().examplesDrawn(order.clone());
    }
    return new BatchLoader(
        run.data().train(),
        run.normalization(),
        run.augmentation(),
        order,
        execution.physicalBatch(),
        run.epochSeed(epoch),
        poisson == null ? done : 0,
        features);
  }

  private SoftmaxCrossEntropy.Result step(Steps steps, long step)
      throws ProtocolException, TrainingException {
    SoftmaxCrossEntropy.Result result = steps.gradients(step);
    TrainConfig.Optimizer optimizer = run.config().optimizer();
    float rate = schedule.at(step);
    switch (optimizer.algorithm()) {
      case SGD -> parameters.update(rate, optimizer.momentum(), optimizer.weightDecay());
      case ADAMW -> parameters.adamw(step, rate, optimizer.momentum(), optimizer.weightDecay());
    }
    checkpoint.average(step);
    return result;
  }
}
