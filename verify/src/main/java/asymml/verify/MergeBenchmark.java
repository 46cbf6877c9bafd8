package asymml.verify;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Setup;

/// Checking a worker's result and adding it to the output.
@SuppressWarnings("NullAway.Init") // JMH calls the setup before anything else
public class MergeBenchmark extends LayerBenchmark {
  private Tensor result;
  private Tensor y;

  /// Used by JMH.
  public MergeBenchmark() {}

  /// Makes operands.
  @Setup
  public void prepare() {
    result = tensor(shape().outputAxes());
    y = tensor(shape().outputAxes());
  }

  /// Checks and adds.
  ///
  /// @param count how many values
  /// @return whether all are finite
  @Benchmark
  public boolean addFinite(Values count) {
    count.values += y.size();
    return Elementwise.addFinite(result, y);
  }
}
