package asymml.cli;

import asymml.wire.WorkerAddress;

/// Which worker a run uses.
sealed interface WorkerChoice {
  /// One that the trainer starts on this machine.
  record Local() implements WorkerChoice {
    static final String NAME = "local";

    @Override
    public String toString() {
      return NAME;
    }
  }

  /// One that somebody else has started.
  ///
  /// @param address where it listens
  record Remote(WorkerAddress address) implements WorkerChoice {
    @Override
    public String toString() {
      return address.toString();
    }
  }
}
