package asymml.trusted.passes;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.privacy.ClipNorm;
import asymml.trusted.decompose.Decomposer;
import asymml.trusted.plan.DataFlow;
import asymml.trusted.split.SplitContext;
import java.lang.foreign.Arena;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.function.IntToDoubleFunction;

/// Clip bounds from public images: medians of norms.
final class MedianNorm {
  /// A layer that gives nothing would have a bound of 0.
  private static final double SMALLEST = 1e-12;

  private static final MathContext DIGITS = new MathContext(3);

  private MedianNorm() {}

  /// The median over images, to three digits: it says where the scale lies, no more.
  ///
  /// @param images how many, at least 1
  /// @param norm of each
  static ClipNorm of(int images, IntToDoubleFunction norm) {
    double[] values = new double[images];
    Arrays.setAll(values, norm);
    Arrays.sort(values);
    double median = Math.max(SMALLEST, values[values.length / 2]);
    return new ClipNorm(new BigDecimal(median).round(DIGITS).doubleValue());
  }

  /// The median norm of residuals, with a shared basis fitted to these very activations.
  ///
  /// @param graph the network
  /// @param input where it flows
  /// @param x the activations there `[n, H, W, C]`
  static ClipNorm ofResiduals(Graph graph, DataFlow.Input input, Tensor x) {
    try (Decomposer decomposer = SplitContext.decomposer(graph, input, x.length(0), true)) {
      if (decomposer == null) {
        return of(x.length(0), i -> Math.sqrt(Elementwise.sumOfSquares(x.examples(i, 1))));
      }
      decomposer.fit(x, 0);
      try (Arena memory = Arena.ofShared()) { // written by worker threads of the kernels
        Tensor out = Tensor.allocate(memory, x.examples(0, 1).shape());
        return of(
            x.length(0),
            i -> {
              decomposer.residual(x, i, 1, out);
              return Math.sqrt(Elementwise.sumOfSquares(out));
            });
      }
    }
  }
}
