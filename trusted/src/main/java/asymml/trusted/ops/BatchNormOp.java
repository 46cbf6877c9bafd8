package asymml.trusted.ops;

import asymml.kernels.BatchNorm;
import asymml.kernels.Tensor;
import asymml.model.Layer;
import asymml.trusted.memory.GradientTarget;
import java.lang.foreign.Arena;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Batch normalisation, with the ReLU behind it fused in where there is one.
public final class BatchNormOp implements TrustedOp {
  private final BatchNorm norm;
  private final NormParameters own;
  private final RunningStatistics running;
  private final float momentum;
  private final Tensor x;
  private final Tensor y;
  private final @Nullable Tensor dy;
  private final @Nullable GradientTarget dx;
  private final Tensor mean;
  private final Tensor variance;

  /// Plans it.
  ///
  /// @param arena owner of the statistics of a batch
  /// @param layer the layer
  /// @param fuseRelu whether the ReLU behind it is fused in
  /// @param own scale and shift
  /// @param running statistics over batches, updated in training
  /// @param tensors input and output
  public BatchNormOp(
      Arena arena,
      Layer.BatchNorm layer,
      boolean fuseRelu,
      NormParameters own,
      RunningStatistics running,
      OpTensors tensors) {
    Tensor x = tensors.x();
    int channels = x.length(3);
    this.norm =
        new BatchNorm(x.length(0), x.length(1), x.length(2), channels, layer.epsilon(), fuseRelu);
    this.own = own;
    this.running = running;
    this.momentum = layer.momentum();
    this.x = x;
    this.y = tensors.y();
    this.dy = tensors.dy();
    this.dx = tensors.dx();
    this.mean = Tensor.allocate(arena, channels);
    this.variance = Tensor.allocate(arena, channels);
  }

  @Override
  public void forward(long step) {
    if (dy == null) {
      norm.forwardInference(x, own.scale(), own.shift(), running.mean(), running.variance(), y);
      return;
    }
    norm.forwardTraining(x, own.scale(), own.shift(), y, mean, variance);
    long n = x.size() / x.length(3);
    // The running variance is the unbiased one; a single value has none, its variance stays 0.
    float unbiased = n > 1 ? (float) n / (n - 1) : 1;
    for (int c = 0; c < x.length(3); c++) {
      track(running.mean(), c, mean.get(c));
      track(running.variance(), c, unbiased * variance.get(c));
    }
  }

  private void track(Tensor average, int channel, float value) {
    average.set(channel, (1 - momentum) * average.get(channel) + momentum * value);
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
