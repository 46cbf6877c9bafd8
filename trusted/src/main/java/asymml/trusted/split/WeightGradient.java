package asymml.trusted.split;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.SampledGradient;
import asymml.kernels.Tensor;
import asymml.trusted.ops.GradientBlocks;
import asymml.trusted.ops.PerExampleGradients;
import asymml.trusted.plan.Shield;
import java.util.EnumSet;
import java.util.SplittableRandom;

/// How the trusted side computes the weight gradient of a layer on its own.
public sealed interface WeightGradient extends AutoCloseable {
  /// Computes dW.
  ///
  /// @param x X `[N, H, W, C]`
  /// @param dy dY `[N, OH, OW, O]`
  /// @param step the training step
  /// @param dw dW `[O, kH, kW, C]`, overwritten
  void compute(Tensor x, Tensor dy, long step, Tensor dw);

  /// Whether [#compute] takes up the gradient of the layer's bias, too.
  ///
  /// @return false unless it is computed for each example
  default boolean withBias() {
    return false;
  }

  /// By how much one example can change dW beyond the clip norm, as a share of that.
  ///
  /// @return at least 0
  /// @throws IllegalStateException if it is not known
  double rounding();

  @Override
  void close();

  /// How many positions a layer's estimate draws.
  ///
  /// @param shape the layer's
  /// @param share of the positions asked for
  /// @return at least two for each output channel; all positions if there are no more
  static int samples(ConvShape shape, double share) {
    int positions = SampledGradient.positions(shape);
    int wanted = (int) Math.ceil(share * positions);
    return Math.min(
        positions, Math.max(wanted, Shield.Shares.POSITIONS_PER_CHANNEL * shape.outChannels()));
  }

  /// From all positions, block by block: one example's part is known.
  ///
  /// @param shape the layer's
  /// @param blocks adds up, closed with this
  record Bounded(ConvShape shape, GradientBlocks blocks) implements WeightGradient {
    /// Of a shape.
    ///
    /// @param shape the layer's
    public Bounded(ConvShape shape) {
      this(shape, new GradientBlocks(shape, 0));
    }

    @Override
    public void compute(Tensor x, Tensor dy, long step, Tensor dw) {
      blocks.compute(shape, x, dy, dw);
    }

    @Override
    public double rounding() {
      return blocks.rounding();
    }

    @Override
    public void close() {
      blocks.close();
    }
  }

  /// From all positions at once.
  ///
  /// @param layer computes it, closed with this
  record Exact(Convolution layer) implements WeightGradient {
    /// Of a shape.
    ///
    /// @param shape the layer's
    public Exact(ConvShape shape) {
      this(new Convolution(shape, EnumSet.of(Convolution.Pass.BACKWARD_WEIGHTS)));
    }

    @Override
    public void compute(Tensor x, Tensor dy, long step, Tensor dw) {
      layer.backwardWeights(x, dy, dw);
    }

    @Override
    public double rounding() {
      throw new IllegalStateException("one example's part in this sum is not bounded");
    }

    @Override
    public void close() {
      layer.close();
    }
  }

  /// Of each example, for DP-SGD; that of the bias with it.
  ///
  /// @param layer its name
  /// @param rows where the gradients are put
  record PerExample(String layer, PerExampleGradients rows) implements WeightGradient {
    @Override
    public boolean withBias() {
      return true;
    }

    /// Leaves dW alone.
    @Override
    public void compute(Tensor x, Tensor dy, long step, Tensor dw) {
      rows.linear(layer, x, dy);
    }

    @Override
    public double rounding() {
      throw new IllegalStateException("there is no sum over examples");
    }

    @Override
    public void close() {}
  }

  /// From a sample of the positions, drawn anew in each step.
  ///
  /// @param gradient the estimate
  /// @param seed of the layer's positions
  record Sampled(SampledGradient gradient, long seed) implements WeightGradient {
    @Override
    public void compute(Tensor x, Tensor dy, long step, Tensor dw) {
      // Spreads the steps over the generator's states, whatever the seed.
      gradient.estimate(
          x, dy, new SplittableRandom(new SplittableRandom(seed + step).nextLong()), dw);
    }

    @Override
    public double rounding() {
      throw new IllegalStateException("one example's part in this sum is not bounded");
    }

    @Override
    public void close() {}
  }
}
