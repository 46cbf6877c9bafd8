package asymml.trusted.ops;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.trusted.memory.GradientTarget;
import org.jspecify.annotations.Nullable;

/// The sum of a shortcut, with the ReLU behind it fused in where there is one.
///
/// @param dy gradient of the output; with a ReLU it is masked in place
public record AddOp(
    Tensor a,
    Tensor b,
    Tensor y,
    boolean relu,
    @Nullable Tensor dy,
    @Nullable GradientTarget da,
    @Nullable GradientTarget db)
    implements Op {
  @Override
  public void forward(long step) {
    if (relu) {
      Elementwise.addRelu(a, b, y);
    } else {
      Elementwise.add(a, b, y);
    }
  }

  @Override
  public void backward() {
    Tensor gradient = Gradients.require(dy);
    if (relu) {
      Elementwise.reluBackward(y, gradient, gradient);
    }
    if (da != null) {
      da.take(gradient);
    }
    if (db != null) {
      db.take(gradient);
    }
  }

  @Override
  public StepProfile.Phase phase() {
    return StepProfile.Phase.ELEMENTWISE;
  }

  @Override
  public void close() {}
}
