package asymml.trusted.train;

import asymml.privacy.Ledger;
import asymml.privacy.Sampling;
import asymml.trusted.network.Network;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Checkpoint.Position;
import asymml.trusted.train.EpochTotals.Cost;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;

/// Where the steps of a run are computed, and what they release: nothing on the trusted side alone,
/// what is accounted for with workers.
sealed interface Execution extends AutoCloseable permits TrustedExecution, SplitExecution {
  /// The network for a batch.
  ///
  /// @param slots examples of the batch, null examples among them
  /// @throws IllegalStateException if none was planned for so many
  Network network(int slots);

  /// How many places a batch has.
  int slots();

  /// How a step's examples are drawn, if the number is random.
  Optional<Sampling.Poisson> poisson();

  /// The last step that may begin, counted from 1: where a budget ends.
  long lastStep();

  /// Whether a basis is missing that only the next renewal can bring: the steps until then were
  /// lost with it, and are spent.
  boolean mustWaitForBasis(long step);

  /// Gets ready for a step.
  ///
  /// @param labels of the batch
  /// @param step from 0
  void prepare(int[] labels, long step);

  /// Begins what a new run keeps of its releases.
  void begin(RunLayout layout) throws IOException;

  /// Where a resumed run continues.
  ///
  /// @param saved the checkpoint's position
  /// @throws TrainingException if what was released cannot be this run's
  Position resumed(Position saved) throws TrainingException;

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

  /// What a later run needs beside the parameters.
  Map<String, float[]> state();

  /// Puts back what [#state] gave.
  void restore(Map<String, float[]> state);

  /// What was spent since the process began.
  Cost cost();

  @Override
  void close();
}
