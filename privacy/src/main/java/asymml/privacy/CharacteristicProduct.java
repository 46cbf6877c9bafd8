package asymml.privacy;

import org.hipparchus.transform.DftNormalization;
import org.hipparchus.transform.FastFourierTransformer;
import org.hipparchus.transform.TransformType;

/// The product of powers of discrete Fourier transforms of tilted losses: the circular convolution
/// of all steps, modulo the size of the window.
///
/// A step at a small sampling rate loses nearly nothing nearly always: its law is one heavy lattice
/// point, its peak, and a light rest. The T-th power of a transform with an error of 1e-16 would be
/// off by `T 1e-16` at every frequency and drown a small delta. So the peak is set aside: with its
/// index counted as a shift, a transform is `1 + c`, where c comes from the rest alone and is as
/// exact as the rest is light. Sums of `n ln(1 + c)` are kept, and what is transformed back is the
/// product less the peaks' own product, which is put in by hand.
final class CharacteristicProduct {
  private static final double ULP = Math.ulp(1.0);

  /// Products below `e^-100` are 0: far under any error that is booked, and most frequencies of a
  /// long run are.
  private static final double LOG_NOTHING = -100;

  private final int size;
  private final double[] logModulus;
  private final double[] angle;

  /// Per frequency, the smallest `ln |1 + c|` of any step.
  private final double[] smallest;

  private double logPeak;
  private long shift;

  /// The sum over steps of the mass beside the peak: errors of transforms are in proportion to it.
  private double rest;

  /// Starts at 1, the transform of no loss at all.
  ///
  /// @param size the number of lattice points of the window, a power of two
  CharacteristicProduct(int size) {
    this.size = size;
    this.logModulus = new double[size / 2 + 1];
    this.angle = new double[size / 2 + 1];
    this.smallest = new double[size / 2 + 1];
  }

  /// Adds the same loss so many times.
  void multiply(LossGrid grid, double tilt, long count) {
    double[] tilted = grid.tilted(tilt);
    int peak = 0;
    for (int i = 1; i < tilted.length; i++) {
      peak = tilted[i] > tilted[peak] ? i : peak;
    }
    tilted[peak] = 0;
    double[] circle = new double[size];
    double beside = 0;
    for (int i = 0; i < tilted.length; i++) {
      // Laid round the circle; a step wider than the window overlaps itself, as its sum would.
      circle[Math.floorMod(i - peak, size)] += tilted[i];
      beside += tilted[i];
    }
    double[][] transform = new double[][] {circle, new double[size]};
    FastFourierTransformer.transformInPlace(
        transform, DftNormalization.STANDARD, TransformType.FORWARD);
    double nothing = Math.exp(2 * LOG_NOTHING / count);
    // The losses are real: the upper half of the spectrum mirrors the lower.
    for (int k = 0; k <= size / 2; k++) {
      double re = transform[0][k] - beside;
      double im = transform[1][k];
      double square = (1 + re) * (1 + re) + im * im;
      if (square < nothing) {
        logModulus[k] = LOG_NOTHING;
        continue;
      }
      // Near 1 the square has lost what its difference from 1 still holds; near 0 it is the
      // reverse.
      double log =
          Math.abs(square - 1) < 0.1
              ? 0.5 * Math.log1p(re * (2 + re) + im * im)
              : 0.5 * Math.log(square);
      logModulus[k] = Math.max(LOG_NOTHING, logModulus[k] + count * log);
      angle[k] += count * Math.atan2(im, 1 + re);
      smallest[k] = Math.min(smallest[k], log);
    }
    logPeak += count * Math.log1p(-beside);
    shift =
        Math.floorMod(
            shift + Math.floorMod(count, size) * (long) Math.floorMod(grid.lowest() + peak, size),
            size);
    rest += count * beside;
  }

  /// The summed loss's tilted law on a window of the lattice.
  ///
  /// @param lowest the window's first lattice index
  /// @return a new array of the window's size
  double[] window(long lowest) {
    double[][] transform = new double[2][size];
    double withoutPeak = -Math.expm1(logPeak);
    for (int k = 0; k <= size / 2; k++) {
      // The product less the peaks' product: (e^(x + iy) - 1) + (1 - peak), without cancelling.
      double re = withoutPeak - 1;
      double im = 0;
      if (logModulus[k] > LOG_NOTHING) {
        double half = Math.sin(angle[k] / 2);
        double less = Math.expm1(logModulus[k]);
        re = less * Math.cos(angle[k]) - 2 * half * half + withoutPeak;
        im = (1 + less) * Math.sin(angle[k]);
      }
      transform[0][k] = re;
      transform[1][k] = im;
      if (k > 0 && k < size / 2) {
        transform[0][size - k] = re;
        transform[1][size - k] = -im;
      }
    }
    FastFourierTransformer.transformInPlace(
        transform, DftNormalization.STANDARD, TransformType.INVERSE);
    double[] law = transform[0];
    law[0] += Math.exp(logPeak);
    double[] window = new double[size];
    int start = Math.floorMod(lowest - shift, size);
    System.arraycopy(law, start, window, 0, size - start);
    System.arraycopy(law, 0, window, size - start, start);
    return window;
  }

  /// A bound on the arithmetic error of each entry of the window. A transform's error is at most `2
  /// log2(size)` units in the last place of its input's sum (log2(size) roundings of sums and
  /// products in a row; less than 1 unit was seen at 2^20 points). In the product it grows by
  /// `count |product| / |1 + c|`. The mean over all frequencies comes back, with the error of the
  /// transform back.
  double error() {
    double sum = 0;
    double withoutPeak = -Math.expm1(logPeak);
    for (int k = 0; k <= size / 2; k++) {
      double weight = k == 0 || k == size / 2 ? 1 : 2;
      if (logModulus[k] <= LOG_NOTHING) {
        sum += weight * (1 - withoutPeak);
        continue;
      }
      double grown = Math.exp(Math.min(0, logModulus[k] - smallest[k])) * rest;
      double modulus = Math.exp(Math.min(0, logModulus[k]));
      // |e^(x + iy) - 1| is at most 1 - e^x and the chord of y together.
      double chord = 2 * Math.min(1, Math.abs(angle[k]) / 2) * modulus;
      double backwards = Math.min(modulus + 1 - withoutPeak, 1 - modulus + chord + withoutPeak);
      sum += weight * (grown + backwards);
    }
    double levels = Integer.numberOfTrailingZeros(size);
    return 2 * ULP * levels * sum / size;
  }
}
