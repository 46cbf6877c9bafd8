package asymml.trusted.ops;

import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
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
/// @param trained false for the constants 1 and 0, whose gradients the kernel computes for nothing
public record NormParameters(
    Tensor scale,
    Tensor shift,
    @Nullable Tensor scaleGradient,
    @Nullable Tensor shiftGradient,
    boolean trained) {

  /// Trained scale and shift.
  ///
  /// @param scale factor per channel
  /// @param shift added per channel
  /// @param scaleGradient null at inference
  /// @param shiftGradient null at inference
  public NormParameters(
      Tensor scale, Tensor shift, @Nullable Tensor scaleGradient, @Nullable Tensor shiftGradient) {
    this(scale, shift, scaleGradient, shiftGradient, true);
  }

  /// Scale 1 and shift 0.
  ///
  /// @param arena owner of the memory
  /// @param channels C
  /// @return not trained, with room for gradients that nobody reads
  public static NormParameters constant(Arena arena, int channels) {
    Tensor scale = Tensor.allocate(arena, channels);
    scale.fill(1);
    return new NormParameters(
        scale,
        Tensor.allocate(arena, channels),
        Tensor.allocate(arena, channels),
        Tensor.allocate(arena, channels),
        false);
  }

  /// The gradients of trained parameters of a backward pass.
  ///
  /// @return empty at inference
  List<Tensor> gradients() {
    return trained
        ? Stream.of(scaleGradient, shiftGradient).filter(Objects::nonNull).toList()
        : List.of();
  }
}
