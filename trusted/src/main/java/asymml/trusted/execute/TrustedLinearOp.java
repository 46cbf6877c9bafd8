package asymml.trusted.execute;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Convolution.Pass;
import asymml.kernels.Tensor;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A linear layer that stays on the trusted side.
final class TrustedLinearOp implements Op {
  private final Convolution layer;
  private final Parameters parameters;
  private final LinearParameters own;
  private final Tensor x;
  private final Tensor y;
  private final @Nullable Tensor dy;
  private final @Nullable GradientTarget dx;
  private long loadedVersion = -1;

  TrustedLinearOp(
      ConvShape shape,
      Parameters parameters,
      LinearParameters own,
      Tensor x,
      Tensor y,
      @Nullable Tensor dy,
      @Nullable GradientTarget dx) {
    Set<Pass> passes = EnumSet.of(Pass.FORWARD);
    if (dy != null) {
      passes.add(Pass.BACKWARD_WEIGHTS);
    }
    if (dx != null) {
      passes.add(Pass.BACKWARD_DATA);
    }
    this.layer = new Convolution(shape, passes);
    this.parameters = parameters;
    this.own = own;
    this.x = x;
    this.y = y;
    this.dy = dy;
    this.dx = dx;
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
    layer.backwardWeights(x, gradient, Gradients.require(own.weightGradient()));
    own.biasBackward(gradient);
  }

  @Override
  public void close() {
    layer.close();
  }
}
