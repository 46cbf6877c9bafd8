package asymml.trusted.train;

import asymml.kernels.SoftmaxCrossEntropy;
import asymml.privacy.Ledger;
import asymml.privacy.Sampling;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Checkpoint.Position;
import asymml.trusted.train.EpochTotals.Cost;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;

/// Where the steps of a run are computed, and what they release.
sealed interface Execution extends AutoCloseable
    permits TrustedExecution, AccountedExecution, StageExecution {
  /// Computes the parameters' gradients of a step.
  ///
  /// @param loader gives its batch, or its physical batches
  /// @param step from 0
  /// @return loss and hits; PRIVATE
  /// @throws ProtocolException if a worker fails
  /// @throws TrainingException if training diverged
  SoftmaxCrossEntropy.Result gradients(BatchLoader loader, long step)
      throws ProtocolException, TrainingException;

  /// How many places a step has.
  int slots();

  /// How many of them are computed at a time.
  int physicalBatch();

  /// How a step's examples are drawn, if the number is random.
  Optional<Sampling.Poisson> poisson();

  /// The last step that may begin, counted from 1: where a budget ends.
  long lastStep();

  /// Whether a basis is missing that only the next renewal can bring: the steps until then were
  /// lost with it, and are spent.
  boolean mustWaitForBasis(long step);

  /// Begins what a new run keeps of its releases.
  void begin(RunLayout layout) throws IOException;

  /// Where a resumed run continues.
  ///
  /// @param layout of the run
  /// @param saved the checkpoint's position
  /// @param batches steps of an epoch
  /// @throws TrainingException if what was released cannot be this run's
  /// @throws IOException if it is an old copy of the run
  Position resumed(RunLayout layout, Position saved, int batches)
      throws TrainingException, IOException;

  /// Accounts for a step before anything of it is released.
  ///
  /// @param step from 0
  /// @param stepsLeft of the epoch, with this one
  void reserve(RunLayout layout, long step, long stepsLeft) throws IOException;

  /// Takes back what was accounted for and not used.
  ///
  /// @param done steps
  void settle(RunLayout layout, long done) throws IOException;

  /// Whether steps that were begun are spent even if they led to nothing.
  boolean isAccounted();

  /// What the run will have released at its end.
  Optional<Ledger> forecast();

  /// Brings back the parameters that workers update, before they are read.
  ///
  /// @throws ProtocolException if a worker fails
  default void fetchParameters() throws ProtocolException {}

  /// What a later run needs beside the parameters.
  Map<String, float[]> state();

  /// Puts back what [#state] gave.
  void restore(Map<String, float[]> state);

  /// What was spent since the process began.
  Cost cost();

  @Override
  void close();
}
