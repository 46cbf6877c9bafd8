package asymml.cli;

import asymml.wire.WorkerAddress;
import org.jspecify.annotations.Nullable;

/// Which worker a run uses.
sealed interface WorkerChoice {
  /// One that the trainer starts on this machine.
  ///
  /// @param device what it computes on: [#CPU], or a GPU as `cuda:0`
  record Local(String device) implements WorkerChoice {
    static final String NAME = "local";
    static final String CPU = "cpu";

    /// Reads `local` or `cuda:N`.
    ///
    /// @return null if the text is neither
    static @Nullable Local parse(String text) {
      if (text.equals(NAME)) {
        return new Local(CPU);
      }
      return text.matches("cuda:[0-9]{1,4}") ? new Local(text) : null;
    }

    @Override
    public String toString() {
      return device.equals(CPU) ? NAME : device;
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
