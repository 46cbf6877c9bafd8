package asymml.trusted.execute;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import org.jspecify.annotations.Nullable;

/// The parameters of one linear layer, with gradients where it is trained.
///
/// @param weight `[O, kH, kW, C]`
/// @param weightGradient of the same shape; null at inference
/// @param bias `[O]`, or null
/// @param biasGradient `[O]`; null at inference or without bias
record LinearParameters(
    Tensor weight,
    @Nullable Tensor weightGradient,
    @Nullable Tensor bias,
    @Nullable Tensor biasGradient) {

  void addBias(Tensor y) {
    if (bias != null) {
      Elementwise.addRow(bias, rows(y));
    }
  }

  void biasBackward(Tensor dy) {
    if (biasGradient != null) {
      Elementwise.columnSums(rows(dy), biasGradient);
    }
  }

  private static Tensor rows(Tensor map) {
    int channels = map.length(3);
    return map.reshape((int) (map.size() / channels), channels);
  }
}
