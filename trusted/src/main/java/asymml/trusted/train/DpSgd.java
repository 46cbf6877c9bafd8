package asymml.trusted.train;

import asymml.model.Graph;
import asymml.model.Parameter;
import asymml.trusted.ops.PerExampleGradients;
import java.util.List;

/// The settings of DP-SGD (Abadi et al., arXiv 1607.00133; De et al., arXiv 2204.13650): one joint
/// clip norm over all trained parameters, Poisson sampling over logical batches that are computed
/// in physical ones, and one noised sum of gradients a step.
///
/// Sums are normalised to one example's norm of at most 1, so that good learning rates do not
/// depend on the clip norm.
///
/// @param logicalBatchSize B, the expected number of examples of a step, at least 1; at most the
///   training images count
/// @param maxGradNorm C, the largest norm of one example's gradient, above 0
/// @param weightAverage how much of the moving average of weights stays in a step, 0 (no average)
///   to below 1; the average is what is evaluated and released
/// @param masksShare what masks may cost, as a share of the inverse square of the noise multiplier;
///   above 0
/// @param memoryBytes what the gradients of the examples of a physical batch may take, at least 1
public record DpSgd(
    int logicalBatchSize,
    double maxGradNorm,
    double weightAverage,
    double masksShare,
    long memoryBytes) {
  /// The default settings.
  public static final DpSgd DEFAULT = new DpSgd(4096, 1, 0.95, 0.02, 512L << 20);

  /// Checks the ranges above.
  ///
  /// @throws IllegalArgumentException naming the rule that is broken
  public DpSgd {
    check(logicalBatchSize >= 1, "a logical batch has at least 1 example", logicalBatchSize);
    check(
        maxGradNorm > 0 && Double.isFinite(maxGradNorm) && Double.isFinite(1 / maxGradNorm),
        "the largest gradient norm must be above 0 and finite",
        maxGradNorm);
    check(
        weightAverage >= 0 && weightAverage < 1,
        "the weight average must keep from 0 to below 1",
        weightAverage);
    check(
        masksShare > 0 && Double.isFinite(masksShare),
        "the masks' share must be above 0 and finite",
        masksShare);
    check(memoryBytes >= 1, "memory for examples' gradients must be at least 1 byte", memoryBytes);
  }

  private static void check(boolean holds, String rule, Number value) {
    if (!holds) {
      throw new IllegalArgumentException(rule + ": " + value);
    }
  }

  /// How many examples a physical batch has: as many as asked for, or as their gradients fit into
  /// memory.
  ///
  /// @param graph the network
  /// @param wanted at least 1
  /// @return from 1 to `wanted`
  /// @throws IllegalArgumentException if the gradient of one example does not fit
  public int physicalBatch(Graph graph, int wanted) {
    List<Parameter> trained = graph.parameters().stream().filter(p -> p.trained()).toList();
    long one = PerExampleGradients.bytes(trained, 1);
    if (one > memoryBytes) {
      throw new IllegalArgumentException(
          "the gradient of one example takes %s bytes, and there are %s for all of a physical batch: more memory for examples' gradients is needed"
              .formatted(one, memoryBytes));
    }
    return Math.toIntExact(Math.min(wanted, memoryBytes / one));
  }

  /// How much of the moving average stays in a step: less in the first ones, so that it does not
  /// remember the start.
  ///
  /// @param step from 0
  /// @return `min(weightAverage, (1 + step) / (10 + step))`
  float kept(long step) {
    return (float) Math.min(weightAverage, (1.0 + step) / (10.0 + step));
  }

  @Override
  public String toString() {
    return "DP-SGD of %s examples, norm %s, average %s, masks %s"
        .formatted(logicalBatchSize, maxGradNorm, weightAverage, masksShare);
  }
}
