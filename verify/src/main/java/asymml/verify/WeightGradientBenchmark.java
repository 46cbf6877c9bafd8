package asymml.verify;

import asymml.kernels.Convolution;
import asymml.kernels.SampledGradient;
import asymml.kernels.Tensor;
import asymml.trusted.plan.Shield;
import java.util.EnumSet;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/// A layer's weight gradient on the trusted side: from all output positions, or from a sample.
@SuppressWarnings("NullAway.Init") // JMH calls the setup before anything else
public class WeightGradientBenchmark extends LayerBenchmark {
  /// The share of the positions in the sample.
  @Param("0.25")
  public double share;

  private final SplittableRandom positions = new SplittableRandom(1);
  private Tensor x;
  private Tensor dy;
  private Tensor dw;
  private Convolution convolution;
  private SampledGradient gradient;

  /// Used by JMH.
  public WeightGradientBenchmark() {}

  /// Makes operands and plans both.
  @Setup
  public void prepare() {
    x = tensor(shape().inputAxes());
    dy = tensor(shape().outputAxes());
    dw = tensor(shape().weightAxes());
    convolution = new Convolution(shape(), EnumSet.of(Convolution.Pass.BACKWARD_WEIGHTS));
    // Never fewer than a run draws.
    int least = Shield.Shares.POSITIONS_PER_CHANNEL * shape().outChannels();
    int all = SampledGradient.positions(shape());
    int samples = Math.min(all, Math.max((int) Math.ceil(share * all), least));
    gradient =
        new SampledGradient(shape(), samples, tensor(SampledGradient.floats(shape(), samples)));
  }

  /// oneDNN's.
  @Benchmark
  public void exact() {
    convolution.backwardWeights(x, dy, dw);
  }

  /// The estimate.
  @Benchmark
  public void sampled() {
    gradient.estimate(x, dy, positions, dw);
  }

  /// Frees the primitive.
  @TearDown
  public void close() {
    convolution.close();
  }
}
