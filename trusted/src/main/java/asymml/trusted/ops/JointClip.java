package asymml.trusted.ops;

import asymml.kernels.DoubleSum;
import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.privacy.Release;
import asymml.trusted.boundary.NullExamples;
import asymml.trusted.boundary.SumNoise;
import java.util.List;
import java.util.stream.IntStream;

/// The mechanism of DP-SGD (Abadi et al., arXiv 1607.00133; normalised as by De et al., arXiv
/// 2204.13650): the gradient of each example's loss by all trained parameters is one vector, scaled
/// by `min(1/C, 1/norm)`, so that it has at most the norm 1 in the sum. Of an example with several
/// views it is the sum of theirs, of losses divided by their number. The sum over a logical batch
/// gets Gaussian noise of standard deviation z once, and is divided by the expected number of
/// examples.
///
/// A logical batch is any number of physical ones: [#begin], [#add] after the backward pass of
/// each, [#finish]. Sums are kept in float64.
///
/// Null examples, and examples whose gradient is not finite, count as 0: that the run goes on is no
/// information about them.
public final class JointClip {
  /// More than the rounding of norm, factor and product.
  private static final double BELOW = 1 - 0x1p-20;

  private final PerExampleGradients rows;
  private final Parameters parameters;
  private final double maxNorm;
  private final DoubleSum sum;
  private int slots;

  /// Plans the sums.
  ///
  /// @param rows what the network's layers write their gradients to
  /// @param parameters of the network
  /// @param maxNorm C, above 0
  public JointClip(PerExampleGradients rows, Parameters parameters, double maxNorm) {
    if (!(maxNorm > 0) || !Double.isFinite(1 / maxNorm)) {
      throw new IllegalArgumentException("the largest gradient norm must be above 0: " + maxNorm);
    }
    this.rows = rows;
    this.parameters = parameters;
    this.maxNorm = maxNorm;
    this.sum = rows.newSum();
  }

  /// How many places an example has.
  ///
  /// @return at least 1
  public int views() {
    return rows.plan().views();
  }

  /// Begins a logical batch.
  public void begin() {
    sum.clear();
    slots = 0;
  }

  /// Adds what a backward pass gave.
  ///
  /// @param none which places hold no example, or one that does not count: in none of its places,
  ///   if not in all
  public void add(NullExamples none) {
    rows.addTo(sum, factors(none));
    slots += rows.examples();
  }

  /// What each example's gradient is multiplied by.
  private double[] factors(NullExamples none) {
    double[] norms = rows.norms();
    double[] least = rows.leastNorms();
    double[] factors = new double[norms.length];
    int views = views();
    for (int i = 0; i < norms.length; i++) {
      double norm = Math.max(norms[i], least[i]);
      int first = i * views;
      boolean counts =
          IntStream.range(first, first + views).noneMatch(none::isNull) && Double.isFinite(norm);
      factors[i] = counts ? BELOW / Math.max(maxNorm, norm) : 0;
    }
    return factors;
  }

  /// Ends the logical batch: the parameters' gradients become the noised mean, and then gradients
  /// by the parameters that are stored ([Parameters#finishGradients]), which costs nothing more.
  ///
  /// @param release the Gaussian mechanism on the sum, for a norm of 1
  /// @param noise adds it
  /// @param expected B, the expected number of examples: how many were drawn is private
  public void finish(Release release, SumNoise noise, double expected) {
    for (String name : rows.parameters()) {
      rows.read(sum, name, parameters.gradient(name));
    }
    sum.clear();
    release(parameters, rows.parameters(), release, noise, rows.rounding(), slots, expected);
  }

  /// The sum so far of the clipped gradients by a parameter. PRIVATE: it has no noise.
  ///
  /// @param parameter its name
  /// @param out takes its values
  /// @param at where the first one goes
  public void read(String parameter, double[] out, int at) {
    rows.read(sum, parameter, out, at);
  }

  /// By how much one example can change the sums beyond the norm 1, before they are rounded to
  /// float32.
  ///
  /// @return at least 0
  public double rounding() {
    return rows.rounding();
  }

  /// The same as [#finish] for a sum that was formed elsewhere.
  ///
  /// @param parameters whose gradients hold the sum, each value rounded to float32 once
  /// @param names of all trained parameters
  /// @param release the Gaussian mechanism on the sum, for a norm of 1
  /// @param noise adds it
  /// @param rounding of [#rounding]
  /// @param slots places of the logical batch
  /// @param expected B, the expected number of examples: how many were drawn is private
  public static void release(
      Parameters parameters,
      List<String> names,
      Release release,
      SumNoise noise,
      double rounding,
      int slots,
      double expected) {
    List<Tensor> gradients = names.stream().map(parameters::gradient).toList();
    noise.add(release, rounding + GradientBlocks.overAll(slots), gradients.toArray(Tensor[]::new));
    for (Tensor gradient : gradients) {
      Elementwise.scale((float) (1 / expected), gradient);
    }
    parameters.finishGradients();
  }
}
