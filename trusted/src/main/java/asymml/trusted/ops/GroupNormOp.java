package asymml.trusted.ops;

import asymml.kernels.GroupNorm;
import asymml.kernels.Tensor;
import asymml.trusted.memory.GradientTarget;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Group normalisation, with the ReLU behind it fused in where there is one.
public final class GroupNormOp implements Op {
  private final String name;
  private final GroupNorm norm;
  private final NormParameters own;
  private final Tensor x;
  private final Tensor y;
  private final @Nullable Tensor dy;
  private final @Nullable GradientTarget dx;
  private final @Nullable GradientGuard guard;

  public GroupNormOp(
      String name,
      int groups,
      float epsilon,
      boolean fuseRelu,
      NormParameters own,
      Tensor x,
      Tensor y,
      @Nullable Tensor dy,
      @Nullable GradientTarget dx,
      @Nullable GradientGuard guard) {
    this.name = name;
    this.guard = guard;
    this.norm =
        new GroupNorm(
            x.length(0), x.length(1), x.length(2), x.length(3), groups, epsilon, fuseRelu);
    this.own = own;
    this.x = x;
    this.y = y;
    this.dy = dy;
    this.dx = dx;
  }

  @Override
  public void forward(long step) {
    norm.forward(x, own.scale(), own.shift(), y);
  }

  @Override
  public void backward() {
    GradientTarget target = Gradients.require(dx);
    norm.backward(
        x,
        y,
        Gradients.require(dy),
        own.scale(),
        target.destination(),
        Gradients.require(own.scaleGradient()),
        Gradients.require(own.shiftGradient()),
        guard == null ? Double.POSITIVE_INFINITY : guard.clip());
    target.done();
    if (guard != null) {
      guard.perturb(addedHere());
    }
  }

  public String name() {
    return name;
  }

  /// The norm of each example's part in the gradients of scale and shift, of the last backward
  /// pass.
  public double[] gradientNorms() {
    return norm.gradientNorms();
  }

  @Override
  public List<Tensor> addedHere() {
    return own.gradients();
  }

  @Override
  public StepProfile.Phase phase() {
    return StepProfile.Phase.NORM;
  }

  @Override
  public void close() {
    norm.close();
  }
}
