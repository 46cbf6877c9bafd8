package asymml.trusted.ops;

import asymml.kernels.ConvShape;
import java.util.Locale;

/// How a linear layer's part in each example's gradient is measured, and added up.
///
/// Costs are multiply-adds of an example, with P output positions of all its views, windows of K
/// values and O output channels; the gradient of a batch has `P K O` of them, and `rho` is what
/// that of a batch of one costs over it.
public enum PerExampleMethod {
  /// Of one position alone the gradient is an outer product, and its norm the product of two; of
  /// few positions, one in each view, Gram matrices cost little.
  PRODUCT,
  /// Each example's gradient is computed by itself and kept: `rho P K O`.
  STORED,
  /// The norm comes from Gram matrices ([asymml.kernels.GhostNorms]), then the gradient from the
  /// scaled output gradients of several examples: `P P (K + O) + P K O`.
  GHOST,
  /// Each example's gradient is computed by itself, twice: for its norm, and to be added up: `2 rho
  /// P K O`.
  RECOMPUTED;

  /// `rho - 1`: typical of the kernels here.
  private static final double ONE_BY_ONE = 0.3;

  /// The name as the command line writes it.
  ///
  /// @return lower case
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /// The method that takes the least time, memory aside.
  ///
  /// @param shape a layer's
  /// @param views how many views of an example there are
  /// @return [#PRODUCT], [#GHOST] or [#STORED]
  static PerExampleMethod fastest(ConvShape shape, int views) {
    if (shape.isLinear()) {
      return PRODUCT;
    }
    if (shape.groups() > 1) {
      return STORED;
    }
    double positions = (double) views * shape.outHeight() * shape.outWidth();
    double window = (double) shape.kernelHeight() * shape.kernelWidth() * shape.inChannels();
    double outputs = shape.outChannels();
    boolean few = positions * (window + outputs) < ONE_BY_ONE * window * outputs;
    return few ? GHOST : STORED;
  }
}
