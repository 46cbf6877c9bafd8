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

  /// Reads `cpu` or `cuda:N`.
  ///
  /// @throws IllegalArgumentException if it is neither
  static Device parse(String text) {
    if (text.equals("cpu")) {
      return new Cpu();
    }
    if (text.matches("cuda:[0-9]{1,4}")) {
      return new Cuda(Integer.parseInt(text.substring("cuda:".length())));
    }
    throw new IllegalArgumentException("a device is cpu or cuda:N: " + text);
  }

  /// The precision that holds where none is asked for.
  default Precision defaultPrecision() {
    return switch (this) {
      case Cpu _ -> Precision.FP32;
      case Cuda _ -> Precision.TF32;
    };
  }

  /// Whether it computes in a precision.
  default boolean offers(Precision precision) {
    return switch (this) {
      case Cpu _ -> precision == Precision.FP32;
      case Cuda _ -> true;
    };
  }
}
