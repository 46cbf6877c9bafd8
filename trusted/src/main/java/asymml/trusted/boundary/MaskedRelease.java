package asymml.trusted.boundary;

import asymml.kernels.Elementwise;
import asymml.kernels.GaussianMasks;
import asymml.kernels.Tensor;
import asymml.trusted.plan.Shield;
import java.util.Arrays;

/// Writes a batch under masks: every example is scaled to the norm [Shield.Shares#NORM], and the
/// masks are added.
final class MaskedRelease {
  /// Below this share of what they hide, masks hide nothing: their lattice is finer than that of
  /// noise.
  private static final double SMALLEST_MASK = 0x1p-20;

  private final NoiseLanes lanes;

  MaskedRelease(NoiseLanes lanes) {
    this.lanes = lanes;
  }

  /// Refuses masks that are too small or too large.
  ///
  /// @param deviation their standard deviation
  /// @return it
  static double requireUsable(double deviation) {
    if (!(deviation >= Shield.Shares.NORM * SMALLEST_MASK)) {
      throw new IllegalArgumentException(
          "masks below a millionth of the values hide nothing: " + deviation);
    }
    return NoiseLattice.requireUsable(deviation, Shield.Shares.NORM);
  }

  /// Scales, masks and writes all examples.
  ///
  /// @param mask the masks' size and deviation
  /// @param key the masks' key; zeroed
  /// @param source of the examples' values
  /// @param nullExamples which places hold null examples
  /// @param witness sees the examples that there are
  /// @param out `[n, dim]`, which the worker may be watching
  /// @return the norms of the examples, 0 for those that there are not
  /// @throws NonFiniteException if a value is NaN or infinite
  double[] write(
      Mask mask,
      byte[] key,
      ReleaseSource source,
      NullExamples nullExamples,
      ReleaseWitness witness,
      Tensor out) {
    int dim = mask.values();
    double[] norms = new double[mask.examples()];
    lanes.share(
        0,
        mask.examples(),
        (lane, from, to) -> {
          GaussianMasks.start(lane.masks(), key, from, dim);
          for (int i = from; i < to; i++) {
            Tensor values = lane.values(source, i, dim);
            double norm = Math.sqrt(Elementwise.sumOfSquares(values));
            if (!Double.isFinite(norm) && nullExamples.drop(i)) {
              values.fill(0);
              norm = 0;
            }
            boolean nothing = norm == 0 || nullExamples.isNull(i);
            norms[i] = nothing && Double.isFinite(norm) ? 0 : norm;
            // A task that threw would leave the others running on memory the caller may free.
            if (Double.isFinite(norm)) {
              double scale = nothing ? 0 : Shield.Shares.NORM * NoiseLattice.BELOW / norm;
              if (!nothing) {
                witness.saw(lane.number(), i, values, scale);
              }
              lane.masks()
                  .add(
                      values,
                      scale,
                      mask.deviation(),
                      GaussianMasks.LATTICE_BITS,
                      out.examples(i, 1));
            }
          }
        });
    Arrays.fill(key, (byte) 0);
    for (double norm : norms) {
      if (!Double.isFinite(norm)) {
        throw new NonFiniteException();
      }
    }
    return norms;
  }
}
