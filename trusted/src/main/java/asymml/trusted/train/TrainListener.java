package asymml.trusted.train;

import asymml.trusted.run.EpochMetrics;

/// Hears how training goes. Called on the training thread; every method does nothing unless
/// overridden.
public interface TrainListener {
  /// Hears nothing.
  TrainListener NONE = new TrainListener() {};

  /// A resumed run that is accounted for does not repeat steps whose releases were made after its
  /// checkpoint.
  ///
  /// @param steps how many are spent for nothing
  default void stepsSkipped(long steps) {}

  /// An epoch begins or continues after a resume.
  ///
  /// @param epoch from 1
  /// @param batches in the whole epoch
  /// @param firstBatch batches that are done already
  default void epochStarted(int epoch, int batches, int firstBatch) {}

  /// The examples of all steps of an epoch are drawn, where sampling is random. PRIVATE: who knows
  /// the draw has the guarantee of unsampled steps at most. For attacks that are scored in this
  /// process.
  ///
  /// @param places which example each place of each step holds, or
  ///   [asymml.trusted.draw.PoissonDraw#NULL_EXAMPLE]; a copy
  default void examplesDrawn(int[] places) {}

  /// A training step is done.
  ///
  /// @param totals of the epoch so far
  default void stepDone(EpochTotals totals) {}

  /// Test images, or those that were set aside for validation, are being evaluated.
  ///
  /// @param done images so far
  /// @param total all of them
  default void evaluated(int done, int total) {}

  /// An epoch is done and its checkpoint written.
  ///
  /// @param metrics as logged
  default void epochDone(EpochMetrics metrics) {}
}
