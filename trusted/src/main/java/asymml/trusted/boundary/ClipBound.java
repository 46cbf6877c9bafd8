package asymml.trusted.boundary;

import asymml.privacy.ClipNorm;
import java.util.Arrays;

/// The bound C on the L2 norm of one example's tensor at one place of the network.
///
/// By default it follows the data: a running median of the norms seen. It is called data-dependent
/// wherever it shows, because a bound taken from private data is itself a release and no formal
/// guarantee can rest on it. A [#fixed] bound never moves; such a guarantee needs one.
public final class ClipBound {
  /// Weight of the newest batch.
  private static final double MOMENTUM = 0.1;

  /// A bound of 0 (a dead layer) would divide by zero; noise of this size hides nothing, and there
  /// is nothing to hide.
  private static final double SMALLEST = 1e-30;

  private final boolean fixed;
  private double norm;
  private boolean known;

  /// Creates a bound that is not known yet and follows the data.
  public ClipBound() {
    fixed = false;
  }

  private ClipBound(double norm) {
    fixed = true;
    this.norm = norm;
    known = true;
  }

  /// Creates a bound that never moves.
  ///
  /// @param norm C, from public knowledge
  /// @return the bound
  public static ClipBound fixed(ClipNorm norm) {
    return new ClipBound(norm.value());
  }

  /// Whether the bound follows the data.
  ///
  /// @return false for a fixed one
  public boolean isDataDependent() {
    return !fixed;
  }

  /// Whether a batch has been seen.
  ///
  /// @return false until the first [#observe] or [#restore]
  public boolean known() {
    return known;
  }

  /// The bound.
  ///
  /// @return C, above 0
  /// @throws IllegalStateException before the first batch
  public double norm() {
    if (!known) {
      throw new IllegalStateException("no batch has been seen yet");
    }
    return norm;
  }

  /// Moves the bound towards the median of a batch's norms.
  ///
  /// @param norms at least one, finite
  void observe(double[] norms) {
    if (fixed) {
      return;
    }
    double[] sorted = norms.clone();
    Arrays.sort(sorted);
    double median = (sorted[sorted.length / 2] + sorted[(sorted.length - 1) / 2]) / 2;
    norm = Math.max(SMALLEST, known ? norm + MOMENTUM * (median - norm) : median);
    known = true;
  }

  /// Restores a saved bound.
  ///
  /// @param saved what [#norm] gave, finite and above 0
  public void restore(double saved) {
    if (fixed) {
      throw new IllegalStateException("a fixed clip bound is not restored");
    }
    if (!(saved > 0) || Double.isInfinite(saved)) {
      throw new IllegalArgumentException("a clip bound must be finite and above 0: " + saved);
    }
    norm = saved;
    known = true;
  }
}
