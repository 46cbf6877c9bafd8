package asymml.trusted.ops;

import asymml.kernels.Pooling;
import asymml.kernels.Tensor;
import asymml.trusted.memory.GradientTarget;
import org.jspecify.annotations.Nullable;

/// Maximum or average pooling.
public record PoolingOp(
    Pooling pooling, Tensor x, Tensor y, @Nullable Tensor dy, @Nullable GradientTarget dx)
    implements Op {
  @Override
  public void forward(long step) {
    pooling.forward(x, y);
  }

  @Override
  public void backward() {
    if (dx != null) {
      pooling.backward(Gradients.require(dy), dx.destination());
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
