package asymml.trusted.ops;

import asymml.kernels.Pooling;
import asymml.trusted.memory.GradientTarget;

/// Maximum or average pooling.
///
/// @param pooling the kernel, closed with this operation
/// @param tensors input and output
public record PoolingOp(Pooling pooling, OpTensors tensors) implements TrustedOp {
  @Override
  public void forward(long step) {
    pooling.forward(tensors.x(), tensors.y());
  }

  @Override
  public void backward() {
    GradientTarget dx = tensors.dx();
    if (dx != null) {
      pooling.backward(tensors.outputGradient(), dx.destination());
      dx.done();
    }
  }

  @Override
  public StepProfile.Phase phase() {
    return StepProfile.Phase.ELEMENTWISE;
  }

  @Override
  public void close() {
    pooling.close();
  }
}
