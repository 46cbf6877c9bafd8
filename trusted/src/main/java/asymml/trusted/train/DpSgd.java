package asymml.trusted.train;

import asymml.model.Graph;
import asymml.trusted.ops.PerExampleMethod;
import asymml.trusted.ops.PerExamplePlan;
import org.jspecify.annotations.Nullable;

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
/// @param views K, how many augmented views of an example there are in a step, at least 1
///   (augmentation multiplicity): its gradient is the mean of theirs, before its norm is taken
/// @param weightAverage how much of the moving average of weights stays in a step, 0 (no average)
///   to below 1; the average is what is evaluated and released
/// @param masksShare what masks may cost, as a share of the inverse square of the noise multiplier;
///   above 0
/// @param perExample how convolutions' parts in the gradients of single examples are found: kept,
///   ghost or recomputed; null for the fastest that fits into memory, layer by layer
/// @param memoryBytes what is kept of the gradients of the examples of a physical batch may take,
///   at least 1
public record DpSgd(
    int logicalBatchSize,
    double maxGradNorm,
    int views,
    double weightAverage,
    double masksShare,
    @Nullable PerExampleMethod perExample,
    long memoryBytes) {
  /// The default settings.
  public static final DpSgd DEFAULT = new DpSgd(4096, 1, 0.95, 0.02, 512L << 20);

  /// Settings with one view of an example, and the fastest method for each layer that fits into
  /// memory.
  ///
  /// @param logicalBatchSize B
  /// @param maxGradNorm C
  /// @param weightAverage of the moving average
  /// @param masksShare of the inverse square of the noise multiplier
  /// @param memoryBytes for gradients of single examples
  public DpSgd(
      int logicalBatchSize,
      double maxGradNorm,
      double weightAverage,
      double masksShare,
      long memoryBytes) {
    this(logicalBatchSize, maxGradNorm, 1, weightAverage, masksShare, null, memoryBytes);
  }

  /// Checks the ranges above.
  ///
  /// @throws IllegalArgumentException naming the rule that is broken
  public DpSgd {
    check(logicalBatchSize >= 1, "a logical batch has at least 1 example", logicalBatchSize);
    check(
        maxGradNorm > 0 && Double.isFinite(maxGradNorm) && Double.isFinite(1 / maxGradNorm),
        "the largest gradient norm must be above 0 and finite",
        maxGradNorm);
    check(views >= 1, "an example has at least 1 view", views);
    check(
        weightAverage >= 0 && weightAverage < 1,
        "the weight average must keep from 0 to below 1",
        weightAverage);
    check(
        masksShare > 0 && Double.isFinite(masksShare),
        "the masks' share must be above 0 and finite",
        masksShare);
    if (perExample == PerExampleMethod.PRODUCT) {
      throw new IllegalArgumentException("only fully connected layers have outer products");
    }
    check(memoryBytes >= 1, "memory for examples' gradients must be at least 1 byte", memoryBytes);
  }

  private static void check(boolean holds, String rule, Number value) {
    if (!holds) {
      throw new IllegalArgumentException(rule + ": " + value);
    }
  }

  /// How the gradients of single examples are found, and how many are computed at a time: as many
  /// as asked for, or as fit into memory.
  ///
  /// @param graph the network
  /// @param places of a physical batch that are wanted, at least 1
  /// @return of at least 1 example, with its views
  /// @throws IllegalArgumentException if what must be kept of one example does not fit
  public PerExamplePlan plan(Graph graph, int places) {
    return PerExamplePlan.of(graph, places, views, perExample, memoryBytes);
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
    return "DP-SGD of %s examples, %s views, norm %s, average %s, masks %s"
        .formatted(logicalBatchSize, views, maxGradNorm, weightAverage, masksShare);
  }
}
