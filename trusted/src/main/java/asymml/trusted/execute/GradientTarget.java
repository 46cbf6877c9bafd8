package asymml.trusted.execute;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import org.jspecify.annotations.Nullable;

/// Where an operation puts the gradient of one of its inputs: straight into the total if it is the
/// first to do so in a backward pass, otherwise into scratch memory that is then added.
///
/// @param total gradient of the input, of the input's shape
/// @param scratch of the same shape, or null if this operation comes first
record GradientTarget(Tensor total, @Nullable Tensor scratch) {
  /// The tensor to overwrite.
  Tensor destination() {
    return scratch == null ? total : scratch;
  }

  /// To be called once the destination is written.
  void done() {
    if (scratch != null) {
      Elementwise.axpy(1, scratch, total);
    }
  }

  /// Puts an existing tensor in.
  void take(Tensor gradient) {
    if (scratch == null) {
      total.copyFrom(gradient);
    } else {
      Elementwise.axpy(1, gradient, total);
    }
  }
}
