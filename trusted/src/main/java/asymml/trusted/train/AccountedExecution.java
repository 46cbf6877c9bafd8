package asymml.trusted.train;

import asymml.privacy.Ledger;
import asymml.privacy.Sampling;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Checkpoint.Position;
import java.io.IOException;
import java.util.Optional;

/// Steps that release something, planned before the first one and kept in a ledger.
abstract sealed class AccountedExecution implements Execution
    permits SplitExecution, DpSgdExecution {
  /// What the run releases.
  abstract Accounting accounting();

  /// What is kept of it on disk.
  abstract LedgerKeeper ledger();

  @Override
  public final Optional<Sampling.Poisson> poisson() {
    return accounting().sampling() instanceof Sampling.Poisson poisson
        ? Optional.of(poisson)
        : Optional.empty();
  }

  @Override
  public final long lastStep() {
    return accounting().steps();
  }

  @Override
  public final void begin(RunLayout layout) throws IOException {
    ledger().begin(layout);
  }

  @Override
  public final Position resumed(RunLayout layout, Position saved, int batches)
      throws TrainingException, IOException {
    ledger().count(layout, batches);
    return ledger().afterSpent(saved, batches);
  }

  @Override
  public final void reserve(RunLayout layout, long step, long stepsLeft) throws IOException {
    ledger().reserve(layout, step, stepsLeft);
  }

  @Override
  public final void settle(RunLayout layout, long done) throws IOException {
    ledger().settle(layout, done);
  }

  @Override
  public final Optional<Ledger> forecast() {
    return Optional.of(accounting().ledger(accounting().steps()));
  }
}
