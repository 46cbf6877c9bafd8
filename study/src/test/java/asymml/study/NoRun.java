package asymml.study;

import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainListener;

/// The display of a study that must not train.
public final class NoRun implements RunDisplay {
  /// Fails the test at the first run.
  public NoRun() {}

  @Override
  public TrainListener started(TrainConfig config) {
    throw new AssertionError("a run began");
  }

  @Override
  public void ended() {
    throw new AssertionError("a run ended");
  }
}
