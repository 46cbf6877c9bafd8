package asymml.cli.terminal;

import asymml.trusted.train.TrainListener;

/// Shows how training goes.
public sealed interface TrainDisplay extends TrainListener, AutoCloseable
    permits BarDisplay, PlainDisplay {
  /// Ends what is on the screen, so that lines can follow. May be called more than once.
  @Override
  void close();
}
