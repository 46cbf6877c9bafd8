package asymml.trusted.ops;

import asymml.kernels.Tensor;
import asymml.trusted.memory.GradientTarget;
import org.jspecify.annotations.Nullable;

/// A change of shape: forward it is a view and does nothing; backward it passes the gradient on.
public record FlattenOp(@Nullable Tensor dy, @Nullable GradientTarget dx) implements Op {
  @Override
  public void forward(long step) {}

  @Override
  public void backward() {
    if (dx != null) {
      dx.take(Gradients.require(dy));
    }
  }

  @Override
  public StepProfile.Phase phase() {
    return StepProfile.Phase.ELEMENTWISE;
  }

  @Override
  public void close() {}
}
