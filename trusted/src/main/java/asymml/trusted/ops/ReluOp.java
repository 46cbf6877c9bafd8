package asymml.trusted.ops;

import asymml.kernels.Elementwise;
import asymml.trusted.memory.GradientTarget;

/// A ReLU by itself (those behind a normalisation or an addition are fused into it).
///
/// @param tensors input and output
public record ReluOp(OpTensors tensors) implements TrustedOp {
  @Override
  public void forward(long step) {
    Elementwise.relu(tensors.x(), tensors.y());
  }

  @Override
  public void backward() {
    GradientTarget dx = tensors.dx();
    if (dx != null) {
      Elementwise.reluBackward(tensors.y(), tensors.outputGradient(), dx.destination());
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
