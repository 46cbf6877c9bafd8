package asymml.trusted.ops;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Convolution.Pass;
import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.trusted.memory.GradientTarget;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntToDoubleFunction;
import org.jspecify.annotations.Nullable;

/// A linear layer that stays on the trusted side.
public final class TrustedLinearOp implements TrustedOp {
  private final String name;
  private final Convolution layer;
  private final Parameters parameters;
  private final LinearParameters own;
  private final Tensor x;
  private final Tensor y;
  private final @Nullable Tensor dy;
  private final @Nullable GradientTarget dx;
  private final @Nullable GradientGuard guard;
  private final @Nullable PerExampleGradients rows;
  private final @Nullable GradientBlocks blocks; // with a guard only
  private long loadedVersion = -1;

  /// Plans it.
  ///
  /// @param name of the node
  /// @param shape the layer's
  /// @param parameters of the network
  /// @param own those of the layer
  /// @param tensors input and output
  /// @param guard of the parameter gradients; null if they are not protected
  /// @param rows where each example's gradients are wanted, in place of their sum; or null
  public TrustedLinearOp(
      String name,
      ConvShape shape,
      Parameters parameters,
      LinearParameters own,
      OpTensors tensors,
      @Nullable GradientGuard guard,
      @Nullable PerExampleGradients rows) {
    this.name = name;
    Set<Pass> passes = EnumSet.of(Pass.FORWARD);
    if (tensors.dy() != null && guard == null && rows == null) {
      passes.add(Pass.BACKWARD_WEIGHTS);
    }
    if (tensors.dx() != null) {
      passes.add(Pass.BACKWARD_DATA);
    }
    this.layer = new Convolution(shape, passes);
    this.parameters = parameters;
    this.own = own;
    this.x = tensors.x();
    this.y = tensors.y();
    this.dy = tensors.dy();
    this.dx = tensors.dx();
    this.guard = guard;
    this.rows = rows;
    this.blocks = guard == null ? null : new GradientBlocks(shape, 0);
  }

  @Override
  public void forward(long step) {
    if (loadedVersion != parameters.version()) {
      layer.loadWeights(own.weight());
      loadedVersion = parameters.version();
    }
    layer.forward(x, y);
    own.addBias(y);
  }

  @Override
  public void backward() {
    Tensor gradient = Gradients.require(dy);
    if (dx != null) {
      layer.backwardData(gradient, dx.destination());
      dx.done();
    }
    if (rows != null) {
      rows.linear(name, x, gradient);
      return;
    }
    if (guard != null) {
      // The gradient goes nowhere else any more.
      guard.limit(gradient, gain());
    }
    Tensor dw = Gradients.require(own.weightGradient());
    if (blocks == null) {
      layer.backwardWeights(x, gradient, dw);
    } else {
      blocks.compute(layer.shape(), x, gradient, dw);
    }
    own.biasBackward(gradient);
    if (guard != null && blocks != null) {
      guard.perturb(blocks.rounding(), addedHere());
    }
  }

  /// The node's name.
  ///
  /// @return as in the graph
  public String name() {
    return name;
  }

  /// How large each example's part in the gradients can be, over the norm of its output gradient.
  ///
  /// @return by example, of the last forward pass
  public IntToDoubleFunction gain() {
    return own.gain(layer.shape(), i -> Elementwise.sumOfSquares(x.examples(i, 1)));
  }

  @Override
  public List<Tensor> addedHere() {
    return dy == null ? List.of() : own.gradients(true);
  }

  @Override
  public StepProfile.Phase phase() {
    return StepProfile.Phase.KERNELS;
  }

  @Override
  public void close() {
    layer.close();
    if (blocks != null) {
      blocks.close();
    }
  }
}
