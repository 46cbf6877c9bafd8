package asymml.trusted.train;

import asymml.kernels.Closer;
import asymml.kernels.Kernels;
import asymml.kernels.ProcessorTime;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.privacy.Ledger;
import asymml.privacy.Release;
import asymml.trusted.boundary.NullExamples;
import asymml.trusted.boundary.ReleaseLog;
import asymml.trusted.boundary.SumNoise;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.network.Network;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.JointClip;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.PerExampleGradients;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.train.EpochTotals.Cost;
import asymml.wire.ProtocolException;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Steps of DP-SGD on the trusted side alone: what is released is the trained model.
final class DpSgdExecution extends AccountedExecution implements DpSgdStep.Hooks {
  private final Closer owned = new Closer();
  private final Accounting accounting;
  private final LedgerKeeper ledger;
  private final ReleaseLog log = new ReleaseLog();
  private final Release joint;
  private final DpSgdStep step;
  private final int physicalBatch;

  /// Plans the network of a run, and what it releases.
  ///
  /// @param earlier the ledger of the run that is to be resumed, null for a new one
  /// @throws IllegalArgumentException if a layer needs a worker, or the run cannot be accounted for
  DpSgdExecution(RunPlan run, DpSgd dpSgd, Parameters parameters, @Nullable Ledger earlier) {
    run.plan().requireTrusted();
    TrainConfig config = run.config();
    accounting =
        Accounting.of(
            config,
            run.graph(),
            run.plan(),
            run.examples(),
            () -> new ReleaseTerms.Bounds(Map.of()),
            earlier);
    ledger = new LedgerKeeper(accounting, config.privacy().accounted(), earlier);
    joint = Objects.requireNonNull(accounting.releases().jointGradient());
    physicalBatch = run.physicalBatch();
    try (Closer opened = new Closer()) {
      PerExampleGradients rows = opened.own(new PerExampleGradients(run.perExample(dpSgd)));
      Network network =
          opened.own(
              TrustedNetwork.forPrivateTraining(run.graph(), parameters, config.seed(), rows));
      SumNoise noise = opened.own(new SumNoise(new SecureRandom(), Kernels.threads()));
      noise.log(log);
      JointClip clip = new JointClip(rows, parameters, dpSgd.maxGradNorm());
      step =
          new DpSgdStep(
              network,
              clip,
              joint,
              noise,
              accounting.slots() / physicalBatch,
              run.batchSize(),
              run.loss());
      owned.own(rows);
      owned.own(network);
      owned.own(noise);
      opened.release();
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
  public SoftmaxCrossEntropy.Result gradients(BatchLoader loader, long number)
      throws ProtocolException {
    return step.run(loader, number, this);
  }

  @Override
  public void begin(NullExamples none, boolean first) {}

  @Override
  public void beforeNoise() {
    log.begin(List.of(joint));
  }

  @Override
  public int physicalBatch() {
    return physicalBatch;
  }

  @Override
  public int slots() {
    return accounting.slots();
  }

  @Override
  public boolean mustWaitForBasis(long step) {
    return false;
  }

  @Override
  public boolean isAccounted() {
    return true;
  }

  @Override
  public Map<String, float[]> state() {
    return Map.of();
  }

  @Override
  public void restore(Map<String, float[]> state) {}

  @Override
  public Cost cost() {
    return new Cost(ProcessorTime.nanos() / 1e9, 0, 0, 0);
  }

  @Override
  public void close() {
    owned.close();
  }
}
