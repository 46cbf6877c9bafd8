package asymml.untrusted;

/// What `--device` names.
sealed interface Device {
  /// The processor of this machine.
  record Cpu() implements Device {
    @Override
    public String toString() {
      return "cpu";
    }
  }

  /// An NVIDIA GPU.
  ///
  /// @param index its number in the order of the CUDA runtime, at least 0
  record Cuda(int index) implements Device {
    public Cuda {
      if (index < 0) {
        throw new IllegalArgumentException("a GPU's number is at least 0: " + index);
      }
    }

    @Override
    public String toString() {
      return "cuda:" + index;
    }
  }

  /// None: requests are answered after a delay, and nothing is computed. For benchmarks of the
  /// other side.
  ///
  /// @param micros of each request
  record Emulated(int micros) implements Device {
    @Override
    public String toString() {
      return "emulated:" + micros;
    }
  }

  /// Reads `cpu`, `cuda:N` or `emulated:MICROS`.
  ///
  /// @throws IllegalArgumentException if it is neither
  static Device parse(String text) {
    if (text.equals("cpu")) {
      return new Cpu();
    }
    if (text.matches("cuda:[0-9]{1,4}")) {
      return new Cuda(Integer.parseInt(text.substring("cuda:".length())));
    }
    if (text.matches("emulated:[0-9]{1,8}")) {
      return new Emulated(Integer.parseInt(text.substring("emulated:".length())));
    }
    throw new IllegalArgumentException("a device is cpu or cuda:N: " + text);
  }

  /// The precision that holds where none is asked for.
  default Precision defaultPrecision() {
    return switch (this) {
      case Cpu _, Emulated _ -> Precision.FP32;
      case Cuda _ -> Precision.TF32;
    };
  }

  /// Whether it computes in a precision.
  default boolean offers(Precision precision) {
    return switch (this) {
      case Cpu _, Emulated _ -> precision == Precision.FP32;
      case Cuda _ -> true;
    };
  }
}
