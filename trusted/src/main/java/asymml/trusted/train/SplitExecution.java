package asymml.trusted.train;

import asymml.kernels.Closer;
import asymml.kernels.ProcessorTime;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.privacy.Ledger;
import asymml.privacy.Release;
import asymml.trusted.boundary.NullExamples;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.Batch;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.ImageSet;
import asymml.trusted.network.SplitNetwork;
import asymml.trusted.ops.JointClip;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.PerExampleGradients;
import asymml.trusted.passes.PublicPass;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.split.SplitContext;
import asymml.trusted.split.Workers;
import asymml.trusted.train.EpochTotals.Cost;
import asymml.wire.ProtocolException;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Steps shared with workers. What they release is planned and kept in a ledger.
final class SplitExecution extends AccountedExecution implements DpSgdStep.Hooks {
  /// Public images used at a time.
  private static final int PUBLIC_IMAGES = 64;

  /// Fits shared bases to something other than private batches.
  private interface Refit {
    void fit(SplitContext context);
  }

  private final RunPlan run;
  private final Parameters parameters;
  private final Workers workers;
  private final Closer owned = new Closer();
  private final Refit refit;
  private final Accounting accounting;
  private final LedgerKeeper ledger;
  private final SplitContext split;
  private final BatchStep batchStep;
  private final @Nullable DpSgdStep jointStep;
  private final int physicalBatch;
  private long now;

  /// Plans the networks of a run, and what they release.
  ///
  /// @param publicImages for clip bounds and bases, if the run needs some
  /// @param earlier the ledger of the run that is to be resumed, null for a new one
  /// @throws IllegalArgumentException if the run cannot be accounted for
  /// @throws ProtocolException if a worker refuses an operation
  SplitExecution(
      RunPlan run,
      Parameters parameters,
      Optional<ImageSet> publicImages,
      Workers workers,
      @Nullable Ledger earlier)
      throws ProtocolException {
    this.run = run;
    this.parameters = parameters;
    this.workers = workers;
    TrainConfig config = run.config();
    try (Closer opened = new Closer()) {
      Refit publicFit = _ -> {};
      Supplier<ReleaseTerms.Bounds> bounds = () -> new ReleaseTerms.Bounds(Map.of());
      if (config.needsPublicImages(run.plan())) {
        PublicPass pass =
            opened.own(
                publicPass(
                    run,
                    parameters,
                    publicImages.orElseThrow(() ->
                        new IllegalArgumentException(
                            "a run that is accounted for needs public images"))));
        owned.own(pass);
        publicFit = pass::fitBases;
        bounds = () -> pass.bounds(run.plan(), run.batchSize());
      }
      accounting =
          Accounting.of(config, run.graph(), run.plan(), run.examples(), bounds, earlier)
              .requirePrecision();
      refit = accounting.usesPublicBasis() ? publicFit : _ -> {};
      ledger = new LedgerKeeper(accounting, config.privacy().accounted(), earlier);
      DpSgd dpSgd = config.privacy().dpSgd();
      PerExampleGradients rows =
          dpSgd == null ? null : opened.own(new PerExampleGradients(run.perExample(dpSgd)));
      physicalBatch = rows == null ? slots() : rows.examples();
      int places = rows == null ? physicalBatch : rows.places();
      split = opened.own(new SplitContext(run.graph(), places, accounting.releases(), workers));
      owned.own(split);
      PlannedSizes networks =
          PlannedSizes.of(
              run,
              places,
              size ->
                  opened.own(
                      SplitNetwork.forTraining(
                          run.graph(), run.plan(), size, parameters, split, config.seed(), rows)));
      networks.all().forEach(owned::own);
      batchStep = new BatchStep(run, networks);
      Release joint = accounting.releases().jointGradient();
      if (dpSgd == null || rows == null || joint == null) {
        jointStep = null;
      } else {
        owned.own(rows);
        jointStep =
            new DpSgdStep(
                networks.of(places),
                new JointClip(rows, parameters, dpSgd.maxGradNorm()),
                joint,
                workers.first().door().sums(),
                accounting.slots() / physicalBatch,
                run.batchSize(),
                run.loss());
      }
      workers.mapRegion(networks.regionBytes());
      opened.release();
    }
  }

  private static PublicPass publicPass(RunPlan run, Parameters parameters, ImageSet images) {
    int count = Math.min(Math.min(PUBLIC_IMAGES, run.batchSize()), images.size());
    int[] order = IntStream.range(0, count).toArray();
    try (BatchLoader loader =
        new BatchLoader(images, run.normalization(), Augmentation.none(), order, count, 0, 0)) {
      Batch batch = loader.next();
      int[] labels = Arrays.stream(batch.labels()).map(l -> l % run.graph().classes()).toArray();
      return new PublicPass(run.graph(), parameters, batch.images(), labels);
    }
  }

  @Override
  Accounting accounting() {
    return accounting;
  }

  @Override
  LedgerKeeper ledger() {
    return ledger;
  }

  @Override
  public SoftmaxCrossEntropy.Result gradients(BatchLoader loader, long step)
      throws ProtocolException, TrainingException {
    now = step;
    if (jointStep != null) {
      return jointStep.run(loader, step, this);
    }
    TrainConfig.Optimizer optimizer = run.config().optimizer();
    split.updateBy(run.schedule().at(step), optimizer.momentum(), optimizer.weightDecay());
    Batch batch = loader.next();
    return batchStep.gradients(
        batch, step, () -> begin(i -> batch.labels()[i] == SoftmaxCrossEntropy.NO_LABEL, true));
  }

  @Override
  public void fetchParameters() throws ProtocolException {
    if (split.fetchWeights()) {
      parameters.changed();
    }
  }

  @Override
  public void begin(NullExamples none, boolean first) {
    split.nullExamples(none);
    if (first && (split.refreshes(now) || !split.hasBases())) {
      refit.fit(split);
    }
  }

  @Override
  public void beforeNoise() {
    split.beginSum();
  }

  @Override
  public int slots() {
    return run.isPoisson() ? accounting.slots() : run.batchSize();
  }

  @Override
  public int physicalBatch() {
    return physicalBatch;
  }

  @Override
  public boolean mustWaitForBasis(long step) {
    return !accounting.usesPublicBasis() && !split.hasBases() && !split.refreshes(step);
  }

  @Override
  public boolean isAccounted() {
    return run.config().privacy().accounted();
  }

  @Override
  public Map<String, float[]> state() {
    return split.state();
  }

  @Override
  public void restore(Map<String, float[]> state) {
    split.restore(state);
  }

  @Override
  public Cost cost() {
    return new Cost(
        ProcessorTime.nanos() / 1e9,
        workers.cpuNanos() / 1e9,
        workers.bytesOut(),
        workers.bytesBack());
  }

  @Override
  public void close() {
    owned.close();
  }
}
