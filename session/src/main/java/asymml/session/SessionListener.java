package asymml.session;

import asymml.interop.InitialWeights;
import asymml.privacy.Ledger;
import asymml.trusted.rank.RankReport;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.TrainListener;
import java.io.IOException;
import java.util.List;

/// Hears how a session goes. Called on the session's thread; every method does nothing, or tells
/// the [#display], unless overridden.
public interface SessionListener extends TrainListener {
  /// Workers are connected.
  ///
  /// @param workers each in a line; empty in a run that needs none
  /// @param layout where the run is written
  default void workersConnected(List<String> workers, RunLayout layout) {}

  /// Parameters of a file were read.
  ///
  /// @param initial what is used of them
  default void initialised(InitialWeights initial) {}

  /// All is planned, and the first step follows.
  ///
  /// @param ledger what the run will have released when it ends, if it goes to its end
  default void forecast(Ledger ledger) {}

  /// Ranks were analysed and written.
  ///
  /// @param report of this epoch
  /// @param model the network's name
  /// @param layout where the run is written
  /// @throws IOException if what follows from it cannot be written
  default void ranksAnalysed(RankReport report, String model, RunLayout layout)
      throws IOException {}

  /// Who shows the training of this session; asked at every event.
  ///
  /// @return hears what the methods below are not overridden for
  default TrainListener display() {
    return NONE;
  }

  @Override
  default void stepsSkipped(long steps) {
    display().stepsSkipped(steps);
  }

  @Override
  default void epochStarted(int epoch, int batches, int firstBatch) {
    display().epochStarted(epoch, batches, firstBatch);
  }

  @Override
  default void stepDone(EpochTotals totals) {
    display().stepDone(totals);
  }

  @Override
  default void evaluated(int done, int total) {
    display().evaluated(done, total);
  }

  @Override
  default void epochDone(EpochMetrics metrics) {
    display().epochDone(metrics);
  }
}
