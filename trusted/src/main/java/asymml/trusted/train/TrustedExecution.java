package asymml.trusted.train;

import asymml.kernels.Closer;
import asymml.kernels.ProcessorTime;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.privacy.Ledger;
import asymml.privacy.Sampling;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Checkpoint.Position;
import asymml.trusted.train.EpochTotals.Cost;
import asymml.wire.ProtocolException;
import java.util.Map;
import java.util.Optional;

/// Steps computed on the trusted side alone: there is no worker and nothing is released.
final class TrustedExecution implements Execution {
  private final Closer owned = new Closer();
  private final int slots;
  private final BatchStep batchStep;

  /// Plans the networks of a run.
  ///
  /// @throws IllegalArgumentException if a layer needs a worker
  TrustedExecution(RunPlan run, Parameters parameters) {
    run.plan().requireTrusted();
    slots = run.batchSize();
    try (Closer opened = new Closer()) {
      PlannedSizes networks =
          PlannedSizes.of(
              run,
              slots,
              size ->
                  opened.own(
                      TrustedNetwork.forTraining(
                          run.graph(), size, parameters, run.config().seed())));
      networks.all().forEach(owned::own);
      batchStep = new BatchStep(run, networks);
      opened.release();
    }
  }

  @Override
  public SoftmaxCrossEntropy.Result gradients(BatchLoader loader, long step)
      throws ProtocolException, TrainingException {
    return batchStep.gradients(loader.next(), step, () -> {});
  }

  @Override
  public int physicalBatch() {
    return slots;
  }

  @Override
  public int slots() {
    return slots;
  }

  @Override
  public Optional<Sampling.Poisson> poisson() {
    return Optional.empty();
  }

  @Override
  public long lastStep() {
    return Long.MAX_VALUE;
  }

  @Override
  public boolean mustWaitForBasis(long step) {
    return false;
  }

  @Override
  public void begin(RunLayout layout) {}

  @Override
  public Position resumed(RunLayout layout, Position saved, int batches) {
    return saved;
  }

  @Override
  public void reserve(RunLayout layout, long step, long stepsLeft) {}

  @Override
  public void settle(RunLayout layout, long done) {}

  @Override
  public boolean isAccounted() {
    return false;
  }

  @Override
  public Optional<Ledger> forecast() {
    return Optional.empty();
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
