package asymml.trusted.ops;

import asymml.kernels.GroupNorm;
import asymml.kernels.Tensor;
import asymml.model.Layer;
import asymml.trusted.memory.GradientTarget;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Group normalisation, with the ReLU behind it fused in where there is one.
public final class GroupNormOp implements TrustedOp {
  private final String name;
  private final GroupNorm norm;
  private final NormParameters own;
  private final Tensor x;
  private final Tensor y;
  private final @Nullable Tensor dy;
  private final @Nullable GradientTarget dx;
  private final @Nullable GradientGuard guard;
  private final @Nullable PerExampleGradients rows;

  /// Plans it.
  ///
  /// @param name of the node
  /// @param layer the layer
  /// @param fuseRelu whether the ReLU behind it is fused in
  /// @param own scale and shift, constants where the layer has none
  /// @param tensors input and output
  /// @param guard of the gradients of scale and shift; null if they are not protected
  /// @param rows where each example's gradients are wanted, in place of their sum; or null
  public GroupNormOp(
      String name,
      Layer.GroupNorm layer,
      boolean fuseRelu,
      NormParameters own,
      OpTensors tensors,
      @Nullable GradientGuard guard,
      @Nullable PerExampleGradients rows) {
    Tensor x = tensors.x();
    this.name = name;
    this.guard = guard;
    this.rows = rows;
    this.norm =
        new GroupNorm(
            x.length(0),
            x.length(1),
            x.length(2),
            x.length(3),
            layer.groups(),
            layer.epsilon(),
            fuseRelu);
    this.own = own;
    this.x = x;
    this.y = tensors.y();
    this.dy = tensors.dy();
    this.dx = tensors.dx();
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
    if (rows != null && trained()) {
      int views = rows.plan().views();
      for (int i = 0; i < rows.examples(); i++) {
        norm.partialGradients(
            i * views, views, rows.of(i, name + ".weight"), rows.of(i, name + ".bias"));
      }
    }
    if (guard != null) {
      guard.perturb(GradientBlocks.overAll(x.length(0)), addedHere());
    }
  }

  /// Whether it has a trained scale and shift.
  ///
  /// @return false if nothing of it is trained
  public boolean trained() {
    return own.trained();
  }

  /// The node's name.
  ///
  /// @return as in the graph
  public String name() {
    return name;
  }

  /// The norm of each example's part in the gradients of scale and shift, of the last backward
  /// pass.
  ///
  /// @return one for each example
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
