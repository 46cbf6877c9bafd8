package asymml.trusted.ops;

import asymml.kernels.Elementwise;
import asymml.trusted.memory.GradientTarget;

/// A hyperbolic tangent.
///
/// @param tensors input and output
public record TanhOp(OpTensors tensors) implements TrustedOp {
  @Override
  public void forward(long step) {
    Elementwise.tanh(tensors.x(), tensors.y());
  }

  @Override
  public void backward() {
    GradientTarget dx = tensors.dx();
    if (dx != null) {
      Elementwise.tanhBackward(tensors.y(), tensors.outputGradient(), dx.destination());
      dx.done();
    }
  }

  @Override
  public StepProfile.Phase phase() {
    return StepProfile.Phase.ELEMENTWISE;
  }

  @Override
  public void close() {}
}
