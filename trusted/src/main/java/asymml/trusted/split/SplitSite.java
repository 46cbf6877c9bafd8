package asymml.trusted.split;

import asymml.privacy.Release;
import asymml.trusted.boundary.ClipBound;
import asymml.trusted.decompose.Decomposer;
import asymml.trusted.plan.NoiseStrength;
import org.jspecify.annotations.Nullable;

/// What lasts from step to step at one place where data are released, for all batch sizes.
///
/// @param decomposer splits the input, or null if there is no low-rank part
/// @param residual the release of the residual
/// @param strength of the noise on it
/// @param bound the clip bound of one example's residual
/// @param basis the release of a shared basis, or null if there is none
/// @param basisSent whether the basis is sent itself, to a worker that updates weights
public record SplitSite(
    @Nullable Decomposer decomposer,
    Release residual,
    NoiseStrength strength,
    ClipBound bound,
    @Nullable Release basis,
    boolean basisSent) {
  /// A place whose basis only shows in what is sent.
  ///
  /// @param decomposer splits the input, or null if there is no low-rank part
  /// @param residual the release of the residual
  /// @param strength of the noise on it
  /// @param bound the clip bound of one example's residual
  /// @param basis the release of a shared basis, or null if there is none
  public SplitSite(
      @Nullable Decomposer decomposer,
      Release residual,
      NoiseStrength strength,
      ClipBound bound,
      @Nullable Release basis) {
    this(decomposer, residual, strength, bound, basis, false);
  }
}
