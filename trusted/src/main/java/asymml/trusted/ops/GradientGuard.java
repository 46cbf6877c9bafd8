package asymml.trusted.ops;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.privacy.Release;
import asymml.trusted.boundary.ReleaseDoor;
import java.util.List;
import java.util.function.IntToDoubleFunction;

/// Holds what one example adds to the gradients of a layer's parameters to a bound, and adds noise
/// to their sums: the Gaussian mechanism on the summed gradient, without gradients per example.
///
/// Of a split layer this is the trusted part alone: the worker's part is a function of the noised
/// residuals and output gradients that it holds, and costs nothing more.
public final class GradientGuard {
  /// Scaling in float32 rounds by 2^-24 of a value: a limited example ends below its bound by more.
  private static final double BELOW = 1 - 0x1p-20;

  private final Release release;
  private final double clip;
  private final ReleaseDoor door;

  /// Guards one layer.
  ///
  /// @param release a Gaussian mechanism on the layer's gradient
  /// @param door adds the noise
  public GradientGuard(Release release, ReleaseDoor door) {
    if (!(release.mechanism() instanceof Release.Gaussian(var clipNorm, var _))) {
      throw new IllegalArgumentException("a guard needs a clip norm: " + release);
    }
    this.release = release;
    this.clip = clipNorm.value();
    this.door = door;
  }

  /// The bound on one example's part.
  double clip() {
    return clip * BELOW;
  }

  /// Scales output gradients, in place, such that no example's part exceeds the bound.
  ///
  /// @param dy `[N, OH, OW, O]`, used for this layer's gradients only from now on
  /// @param gain how large an example's part can be, over the norm of its output gradient
  public void limit(Tensor dy, IntToDoubleFunction gain) {
    for (int i = 0; i < dy.length(0); i++) {
      Tensor own = dy.examples(i, 1);
      double part = Math.sqrt(Elementwise.sumOfSquares(own)) * gain.applyAsDouble(i);
      if (!(part <= clip())) {
        Elementwise.scale(roundedDown(clip() / part), own);
      }
    }
  }

  /// A worker can make a gradient so large that the factor is a subnormal float, of few bits: to
  /// the nearest, it might come out half as large again.
  private static float roundedDown(double factor) {
    float nearest = (float) factor;
    return nearest > factor ? Math.nextDown(nearest) : nearest;
  }

  /// Adds the noise.
  ///
  /// @param rounding by how much one example can change the sums beyond the bound, as a share of it
  /// @param gradients sums over the batch, of one layer
  public void perturb(double rounding, List<Tensor> gradients) {
    door.perturb(release, rounding, gradients.toArray(Tensor[]::new));
  }
}
