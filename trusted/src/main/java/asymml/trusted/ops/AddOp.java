package asymml.trusted.ops;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.trusted.memory.GradientTarget;
import org.jspecify.annotations.Nullable;

/// The sum of a shortcut, with the ReLU behind it fused in where there is one.
///
/// @param tensors the first input and the output; with a ReLU, the gradient of the output is masked
///   in place
/// @param other the second input, of the shape of the first
/// @param relu whether the ReLU behind it is fused in
/// @param otherGradient where the gradient of the second input is put; null if none flows there
public record AddOp(
    OpTensors tensors, Tensor other, boolean relu, @Nullable GradientTarget otherGradient)
    implements TrustedOp {
  @Override
  public void forward(long step) {
    if (relu) {
      Elementwise.addRelu(tensors.x(), other, tensors.y());
    } else {
      Elementwise.add(tensors.x(), other, tensors.y());
    }
  }

  @Override
  public void backward() {
    Tensor gradient = tensors.outputGradient();
    if (relu) {
      Elementwise.reluBackward(tensors.y(), gradient, gradient);
    }
    GradientTarget first = tensors.dx();
    if (first != null) {
      first.take(gradient);
    }
    if (otherGradient != null) {
      otherGradient.take(gradient);
    }
  }

  @Override
  public StepProfile.Phase phase() {
    return StepProfile.Phase.ELEMENTWISE;
  }

  @Override
  public void close() {}
}
