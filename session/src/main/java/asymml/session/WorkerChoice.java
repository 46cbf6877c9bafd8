package asymml.session;

import asymml.wire.WorkerAddress;

/// Which worker a run uses.
public sealed interface WorkerChoice {
  /// A process that this side starts on this machine.
  ///
  /// @param device what it computes on: [#CPU], or a GPU as `cuda:0`
  record Local(String device) implements WorkerChoice {
    /// How a process that computes on the CPU is written.
    public static final String NAME = "local";

    /// The device of such a process.
    public static final String CPU = "cpu";

    /// Checks the device's name.
    ///
    /// @throws IllegalArgumentException if it is neither `cpu` nor `cuda:N`
    public Local {
      if (!device.equals(CPU) && !device.matches("cuda:[0-9]{1,4}")) {
        throw new IllegalArgumentException("a device is cpu or cuda:N: " + device);
      }
    }

    /// Reads what [#toString] writes.
    ///
    /// @param text `local` or `cuda:N`
    /// @return the choice
    /// @throws IllegalArgumentException if the text is neither
    public static Local parse(String text) {
      if (text.equals(NAME)) {
        return new Local(CPU);
      }
      if (text.startsWith("cuda:")) {
        return new Local(text);
      }
      throw new IllegalArgumentException("'" + text + "' is neither local nor cuda:N");
    }

    @Override
    public String toString() {
      return device.equals(CPU) ? NAME : device;
    }
  }

  /// A worker that somebody else has started.
  ///
  /// @param address where it listens
  record Remote(WorkerAddress address) implements WorkerChoice {
    /// Whether tensors cross a line to it.
    ///
    /// @return false if it shares memory with this process
    boolean isTls() {
      return address instanceof WorkerAddress.Tls;
    }

    @Override
    public String toString() {
      return address.toString();
    }
  }

  /// Reads a choice.
  ///
  /// @param text `local`, `cuda:N`, `unix:PATH` or `tls:HOST:PORT`
  /// @return the choice
  /// @throws IllegalArgumentException if it is none of these
  static WorkerChoice parse(String text) {
    if (text.equals(Local.NAME) || text.startsWith("cuda:")) {
      return Local.parse(text);
    }
    try {
      return new Remote(WorkerAddress.parse(text));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(e.getMessage() + ", or 'local' to start one here", e);
    }
  }
}
