package asymml.study;

import asymml.trusted.run.EpochMetrics;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainListener;

/// Shows nothing.
public final class Silent implements RunDisplay, TrainListener {
  /// Shows nothing.
  public Silent() {}

  @Override
  public TrainListener started(TrainConfig config) {
    return this;
  }

  @Override
  public void ended() {}

  @Override
  public void epochStarted(int epoch, int batches, int firstBatch) {}

  @Override
  public void stepDone(EpochTotals totals) {}

  @Override
  public void evaluated(int done, int total) {}

  @Override
  public void epochDone(EpochMetrics metrics) {}
}
