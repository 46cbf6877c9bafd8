package asymml.trusted.ops;

import asymml.kernels.Tensor;
import asymml.trusted.memory.GradientTarget;
import org.jspecify.annotations.Nullable;

/// The tensors between an operation and its neighbours, bound when the network is planned.
///
/// @param x input `[N, H, W, C]`
/// @param y output
/// @param dy gradient of the output, of its shape; null at inference
/// @param dx where the gradient of the input is put; null if none flows there
public record OpTensors(Tensor x, Tensor y, @Nullable Tensor dy, @Nullable GradientTarget dx) {
  /// The gradient of the output, where there must be one.
  ///
  /// @return `dy`
  /// @throws IllegalStateException if planned for inference
  public Tensor outputGradient() {
    return Gradients.require(dy);
  }
}
