package asymml.trusted.ops;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.trusted.memory.GradientTarget;
import org.jspecify.annotations.Nullable;

/// A ReLU by itself (those behind a normalisation or an addition are fused into it).
public record ReluOp(Tensor x, Tensor y, @Nullable Tensor dy, @Nullable GradientTarget dx)
    implements Op {
  @Override
  public void forward(long step) {
    Elementwise.relu(x, y);
  }

  @Override
  public void backward() {
    if (dx != null) {
      Elementwise.reluBackward(y, Gradients.require(dy), dx.destination());
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
