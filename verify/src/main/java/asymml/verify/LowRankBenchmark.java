package asymml.verify;

import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.decompose.Decomposer;
import asymml.trusted.decompose.LowRankLayer;
import asymml.trusted.decompose.PerExampleDecomposer;
import asymml.trusted.decompose.Refresh;
import asymml.trusted.decompose.SharedDecomposer;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Rank;
import asymml.trusted.plan.RankPolicy;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/// What splitting an input costs, at a step that renews no basis: the decomposition, and the
/// arithmetic on what stays, for which weights are folded and their gradient is unfolded.
@SuppressWarnings("NullAway.Init") // JMH calls the setup before anything else
public class LowRankBenchmark extends LayerBenchmark {
  private static final int STEP_WITHOUT_REFRESH = 1;

  /// One basis for the batch, or factors for each example.
  @Param public Decomposition decomposition;

  /// What stays, as `--rank` takes it.
  @Param("1/8")
  public String rank;

  private Tensor x;
  private Tensor residual;
  private Tensor weights;
  private Tensor y;
  private Tensor dy;
  private Tensor dw;
  private Decomposer decomposer;
  private LowRankLayer lowRank;

  /// Used by JMH.
  public LowRankBenchmark() {}

  /// Makes operands, and decomposes once.
  @Setup
  public void prepare() {
    x = tensor(shape().inputAxes());
    residual = tensor(shape().inputAxes());
    weights = tensor(shape().weightAxes());
    y = tensor(shape().outputAxes());
    dy = tensor(shape().outputAxes());
    dw = tensor(shape().weightAxes());
    decomposer = decomposer(RankPolicy.parse(rank).resolve(0, shape().inChannels()));
    decomposer.fit(x, 0);
    lowRank = decomposer.layer(shape());
  }

  private Decomposer decomposer(Rank kept) {
    int batch = shape().batch();
    Shape input = new Shape(shape().height(), shape().width(), shape().inChannels());
    return switch (decomposition) {
      case SHARED -> new SharedDecomposer(batch, input, 0, kept, Refresh.DEFAULT);
      case PER_EXAMPLE ->
          new PerExampleDecomposer(
              batch, input, kept, Refresh.DEFAULT, PerExampleDecomposer.USUAL_ROUNDS);
    };
  }

  /// Projects the batch on the basis, or factors each example.
  @Benchmark
  public void fit() {
    decomposer.fit(x, STEP_WITHOUT_REFRESH);
  }

  /// Forms the residuals of the batch.
  @Benchmark
  public void residual() {
    decomposer.residual(x, 0, shape().batch(), residual);
  }

  /// Folds the weights and computes the result of what stays.
  @Benchmark
  public void forward() {
    lowRank.forward(weights, y);
  }

  /// Computes the weight gradient of what stays and unfolds it.
  @Benchmark
  public void backwardWeights() {
    lowRank.backwardWeights(dy, dw);
  }

  /// Frees the factors.
  @TearDown
  public void close() {
    lowRank.close();
    decomposer.close();
  }
}
