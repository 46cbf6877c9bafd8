package asymml.trusted.ops;

import asymml.kernels.Dropout;
import asymml.trusted.memory.GradientTarget;

/// Dropout in training; its mask follows from seed and step, so that a resumed run draws the same.
/// At inference it is not planned at all.
public final class DropoutOp implements TrustedOp {
  private final float rate;
  private final long seed;
  private final OpTensors tensors;
  private long maskSeed;

  /// Plans it.
  ///
  /// @param rate the share of values that are zeroed, from 0 to below 1
  /// @param seed of the masks of all steps
  /// @param tensors input and output
  public DropoutOp(float rate, long seed, OpTensors tensors) {
    this.rate = rate;
    this.seed = seed;
    this.tensors = tensors;
  }

  @Override
  public void forward(long step) {
    maskSeed = maskSeed(seed, step);
    Dropout.forward(tensors.x(), tensors.y(), rate, maskSeed);
  }

  /// The seed of one step's mask, scattered by the finaliser of SplitMix64: the kernel counts its
  /// chunks up from the seed, and with seeds that step by step count up too, one step's mask would
  /// be another's shifted by a chunk.
  ///
  /// @param seed of the masks of all steps
  /// @param step from 0
  /// @return the seed of this step's mask
  public static long maskSeed(long seed, long step) {
    long z = seed + step * 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  @Override
  public void backward() {
    GradientTarget dx = tensors.dx();
    if (dx != null) {
      Dropout.backward(tensors.outputGradient(), dx.destination(), rate, maskSeed);
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
