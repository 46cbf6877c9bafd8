package asymml.untrusted;

/// The arithmetic of a backend. Tensors in host memory are float32 in each of them.
enum Precision {
  /// float32 throughout.
  FP32("float32"),
  /// Operands keep 10 bits behind the point.
  TF32("tf32 products, float32 sums"),
  /// Operands, and the results of convolutions, keep 7 bits behind the point.
  BF16("bfloat16 operands and results, float32 sums");

  /// Products and sums are random in the self-test: errors grow with the root of the number of
  /// terms, and the largest of a million lies 5 standard deviations out. 8 leaves room for the
  /// order of summation and for kernels that truncate operands instead of rounding them.
  private static final double ROOM = 8;

  private final String description;

  Precision(String description) {
    this.description = description;
  }

  /// What the handshake states.
  String description() {
    return description;
  }

  /// The largest error, relative to the larger of the value and the root mean square of its tensor,
  /// that a correct implementation shows on random data.
  ///
  /// @param terms products in each sum, at least 1
  double errorBound(long terms) {
    double sums = ROOM * (1 + Math.sqrt((double) terms)) * 0x1p-24;
    return switch (this) {
      case FP32 -> sums;
      case TF32 -> sums + ROOM * 0x1p-10;
      case BF16 -> sums + ROOM * 0x1p-8;
    };
  }

  /// Reads `fp32`, `tf32` or `bf16`.
  ///
  /// @throws IllegalArgumentException if it is none of them
  static Precision parse(String text) {
    return switch (text) {
      case "fp32" -> FP32;
      case "tf32" -> TF32;
      case "bf16" -> BF16;
      default -> throw new IllegalArgumentException("a precision is fp32, tf32 or bf16: " + text);
    };
  }

  @Override
  public String toString() {
    return switch (this) {
      case FP32 -> "fp32";
      case TF32 -> "tf32";
      case BF16 -> "bf16";
    };
  }
}
