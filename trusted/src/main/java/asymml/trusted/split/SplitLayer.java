package asymml.trusted.split;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.privacy.Release;
import asymml.trusted.memory.SplitRegion;
import asymml.trusted.ops.GradientGuard;
import asymml.trusted.ops.LinearParameters;
import asymml.trusted.ops.OpTensors;
import asymml.trusted.ops.Parameters;
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
  /// @param values weights and momentum on the trusted side
  /// @param momentum the release of the momentum
  /// @param factor the release of the trusted part of the weight gradient
  public record Held(Values values, Release momentum, Release factor) {}

  /// Weights and momentum on the trusted side, where they are only while they are needed.
  public interface Values {
    /// The weights.
    ///
    /// @return W `[O, kH, kW, C]`
    Tensor weights();

    /// The momentum.
    ///
    /// @return of the weights' shape; null for zeros
    @Nullable Tensor velocity();

    /// Makes room for both, before they are fetched.
    void renew();

    /// Of parameters.
    ///
    /// @param parameters all of the network
    /// @param name of the weights
    /// @return views of them as they are at each call
    static Values of(Parameters parameters, String name) {
      return new Values() {
        @Override
        public Tensor weights() {
          return parameters.value(name);
        }

        @Override
        public @Nullable Tensor velocity() {
          return parameters.hasHeldVelocities() ? parameters.velocity(name) : null;
        }

        @Override
        public void renew() {
          parameters.renewHeld();
        }
      };
    }
  }

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
