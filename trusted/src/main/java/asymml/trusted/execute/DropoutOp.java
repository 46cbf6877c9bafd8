package asymml.trusted.execute;

import asymml.kernels.Dropout;
import asymml.kernels.Tensor;
import org.jspecify.annotations.Nullable;

/// Dropout in training; its mask follows from seed and step, so that a resumed run draws the same.
/// At inference it is not planned at all.
final class DropoutOp implements Op {
  private final float rate;
  private final long seed;
  private final Tensor x;
  private final Tensor y;
  private final @Nullable Tensor dy;
  private final @Nullable GradientTarget dx;
  private long maskSeed;

  DropoutOp(
      float rate, long seed, Tensor x, Tensor y, @Nullable Tensor dy, @Nullable GradientTarget dx) {
    this.rate = rate;
    this.seed = seed;
    this.x = x;
    this.y = y;
    this.dy = dy;
    this.dx = dx;
  }

  @Override
  public void forward(long step) {
    // The golden ratio in 64 bits: consecutive steps give unrelated seeds after the generator's
    // mix.
    maskSeed = seed + step * 0x9e3779b97f4a7c15L;
    Dropout.forward(x, y, rate, maskSeed);
  }

  @Override
  public void backward() {
    if (dx != null) {
      Dropout.backward(Gradients.require(dy), dx.destination(), rate, maskSeed);
      dx.done();
    }
  }

  @Override
  public void close() {}
}
