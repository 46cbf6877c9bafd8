package asymml.study;

import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainListener;

/// Shows the training runs of a study, one after the other. Called on the thread that trains.
public interface RunDisplay {
  /// A run begins.
  ///
  /// @param config what it computes
  /// @return hears how it goes
  TrainListener started(TrainConfig config);

  /// The run that began last has ended, well or not.
  void ended();
}
