package asymml.trusted.ops;

import asymml.kernels.Dropout;
import asymml.kernels.Tensor;
import asymml.trusted.memory.GradientTarget;
import org.jspecify.annotations.Nullable;

/// Dropout in training; its mask follows from seed and step, so that a resumed run draws the same.
/// At inference it is not planned at all.
public final class DropoutOp implements Op {
  private final float rate;
  private final long seed;
  private final Tensor x;
  private final Tensor y;
  private final @Nullable Tensor dy;
  private final @Nullable GradientTarget dx;
  private long maskSeed;

  public DropoutOp(
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
    maskSeed = maskSeed(seed, step);
    Dropout.forward(x, y, rate, maskSeed);
  }

  /// The seed of one step's mask, scattered by the finaliser of SplitMix64: the kernel counts its
  /// chunks up from the seed, and with seeds that step by step count up too, one step's mask would
  /// be another's shifted by a chunk.
  public static long maskSeed(long seed, long step) {
    long z = seed + step * 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  @Override
  public void backward() {
    if (dx != null) {
      Dropout.backward(Gradients.require(dy), dx.destination(), rate, maskSeed);
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
