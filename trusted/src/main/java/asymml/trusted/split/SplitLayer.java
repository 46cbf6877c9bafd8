package asymml.trusted.split;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.privacy.Release;
import asymml.trusted.memory.SplitRegion;
import asymml.trusted.ops.GradientGuard;
import asymml.trusted.ops.LinearParameters;
import asymml.trusted.ops.OpTensors;
import org.jspecify.annotations.Nullable;

/// A linear layer that workers compute a part of, whatever shield hides its data.
///
/// @param name of the node
/// @param node its number
/// @param shape on the whole batch
/// @param weights the release of the weights
/// @param outputGradient the release of the gradient of the output; null if it is not sent
/// @param guard of the parameter gradients; null if they are not protected
/// @param own the parameters
/// @param slots where its tensors stand in the region shared with workers
/// @param tensors input and output on the trusted side
/// @param held of weights that the worker updates; null if the trusted side does
public record SplitLayer(
    String name,
    int node,
    ConvShape shape,
    Release weights,
    @Nullable Release outputGradient,
    @Nullable GradientGuard guard,
    LinearParameters own,
    SplitRegion.Places slots,
    OpTensors tensors,
    @Nullable Held held) {
  /// What is released of weights that a worker holds and updates, beside them.
  ///
  /// @param velocity the momentum on the trusted side, `[O, kH, kW, C]`, as sent or fetched last
  /// @param momentum its release
  /// @param factor the release of the trusted part of the weight gradient
  public record Held(Tensor velocity, Release momentum, Release factor) {}

  /// A layer whose weights the trusted side updates.
  ///
  /// @param name of the node
  /// @param node its number
  /// @param shape on the whole batch
  /// @param weights the release of the weights
  /// @param outputGradient the release of the gradient of the output; null if it is not sent
  /// @param guard of the parameter gradients; null if they are not protected
  /// @param own the parameters
  /// @param slots where its tensors stand in the region shared with workers
  /// @param tensors input and output on the trusted side
  public SplitLayer(
      String name,
      int node,
      ConvShape shape,
      Release weights,
      @Nullable Release outputGradient,
      @Nullable GradientGuard guard,
      LinearParameters own,
      SplitRegion.Places slots,
      OpTensors tensors) {
    this(name, node, shape, weights, outputGradient, guard, own, slots, tensors, null);
  }
}
