package asymml.trusted.ops;

import asymml.kernels.BatchNorm;
import asymml.kernels.Tensor;
import asymml.trusted.memory.GradientTarget;
import java.lang.foreign.Arena;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Batch normalisation, with the ReLU behind it fused in where there is one.
public final class BatchNormOp implements Op {
  private final BatchNorm norm;
  private final NormParameters own;
  private final Tensor runningMean;
  private final Tensor runningVariance;
  private final float momentum;
  private final Tensor x;
  private final Tensor y;
  private final @Nullable Tensor dy;
  private final @Nullable GradientTarget dx;
  private final Tensor mean;
  private final Tensor variance;

  public BatchNormOp(
      Arena arena,
      float epsilon,
      float momentum,
      boolean fuseRelu,
      NormParameters own,
      Tensor runningMean,
      Tensor runningVariance,
      Tensor x,
      Tensor y,
      @Nullable Tensor dy,
      @Nullable GradientTarget dx) {
    int channels = x.length(3);
    this.norm = new BatchNorm(x.length(0), x.length(1), x.length(2), channels, epsilon, fuseRelu);
    this.own = own;
    this.runningMean = runningMean;
    this.runningVariance = runningVariance;
    this.momentum = momentum;
    this.x = x;
    this.y = y;
    this.dy = dy;
    this.dx = dx;
    this.mean = Tensor.allocate(arena, channels);
    this.variance = Tensor.allocate(arena, channels);
  }

  @Override
  public void forward(long step) {
    if (dy == null) {
      norm.forwardInference(x, own.scale(), own.shift(), runningMean, runningVariance, y);
      return;
    }
    norm.forwardTraining(x, own.scale(), own.shift(), y, mean, variance);
    long n = x.size() / x.length(3);
    // The running variance is the unbiased one; a single value has none, its variance stays 0.
    float unbiased = n > 1 ? (float) n / (n - 1) : 1;
    for (int c = 0; c < x.length(3); c++) {
      track(runningMean, c, mean.get(c));
      track(runningVariance, c, unbiased * variance.get(c));
    }
  }

  private void track(Tensor running, int channel, float value) {
    running.set(channel, (1 - momentum) * running.get(channel) + momentum * value);
  }

  @Override
  public void backward() {
    Tensor gradient = Gradients.require(dy);
    GradientTarget target = Gradients.require(dx);
    norm.backward(
        x,
        gradient,
        mean,
        variance,
        own.scale(),
        target.destination(),
        Gradients.require(own.scaleGradient()),
        Gradients.require(own.shiftGradient()));
    target.done();
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
