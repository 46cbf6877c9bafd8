package asymml.trusted.ops;

import asymml.kernels.Tensor;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Scale and shift of a normalisation, each `[C]`, with gradients where it is trained.
///
/// @param scale factor per channel
/// @param shift added per channel
/// @param scaleGradient null at inference
/// @param shiftGradient null at inference
public record NormParameters(
    Tensor scale, Tensor shift, @Nullable Tensor scaleGradient, @Nullable Tensor shiftGradient) {

  /// The gradients of a backward pass.
  ///
  /// @return empty at inference
  List<Tensor> gradients() {
    return Stream.of(scaleGradient, shiftGradient).filter(Objects::nonNull).toList();
  }
}
