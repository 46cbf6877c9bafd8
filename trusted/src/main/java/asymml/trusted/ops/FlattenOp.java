package asymml.trusted.ops;

import asymml.trusted.memory.GradientTarget;

/// A change of shape: forward it is a view and does nothing; backward it passes the gradient on.
///
/// @param tensors input and output are one
public record FlattenOp(OpTensors tensors) implements TrustedOp {
  @Override
  public void forward(long step) {}

  @Override
  public void backward() {
    GradientTarget dx = tensors.dx();
    if (dx != null) {
      dx.take(tensors.outputGradient());
    }
  }

  @Override
  public StepProfile.Phase phase() {
    return StepProfile.Phase.ELEMENTWISE;
  }

  @Override
  public void close() {}
}
