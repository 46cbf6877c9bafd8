package asymml.privacy;

import java.util.Arrays;
import org.hipparchus.transform.DftNormalization;
import org.hipparchus.transform.FastFourierTransformer;
import org.hipparchus.transform.TransformType;

/// The product of powers of discrete Fourier transforms of tilted losses: the circular convolution
/// of all steps, modulo the size of the window.
final class CharacteristicProduct {
  private static final double ULP = Math.ulp(1.0);

  /// Powers below this are 0: far under any error that is booked.
  private static final double NEGLIGIBLE = 1e-40;

  private final int size;
  private final double[] real;
  private final double[] imaginary;

  /// Per frequency, by how much an error of one unit in the transforms grows in the product: with
  /// `|f| <= 1`, at most the sum of the counts times `prod |f|^(count - 1)`.
  private final double[] growth;

  private double steps;

  /// Starts at 1, the transform of no loss at all.
  ///
  /// @param size the number of lattice points of the window, a power of two
  CharacteristicProduct(int size) {
    this.size = size;
    this.real = new double[size];
    this.imaginary = new double[size];
    this.growth = new double[size / 2 + 1];
    Arrays.fill(real, 1);
    Arrays.fill(growth, 1);
  }

  /// Adds the same loss so many times.
  void multiply(LossGrid grid, double tilt, long count) {
    double[][] transform = new double[][] {wrapped(grid, tilt), new double[size]};
    FastFourierTransformer.transformInPlace(
        transform, DftNormalization.STANDARD, TransformType.FORWARD);
    steps += count;
    // The losses are real: the upper half of the spectrum mirrors the lower.
    for (int k = 0; k <= size / 2; k++) {
      multiply(k, transform[0][k], transform[1][k], count);
    }
  }

  private void multiply(int k, double re, double im, long count) {
    double logModulus = 0.5 * Math.log(re * re + im * im);
    growth[k] *= Math.exp((count - 1) * logModulus);
    double modulus = Math.exp(count * logModulus);
    if (modulus < NEGLIGIBLE) {
      real[k] = 0;
      imaginary[k] = 0;
      return;
    }
    double angle = count * Math.atan2(im, re);
    double powerRe = modulus * Math.cos(angle);
    double powerIm = modulus * Math.sin(angle);
    double product = real[k] * powerRe - imaginary[k] * powerIm;
    imaginary[k] = real[k] * powerIm + imaginary[k] * powerRe;
    real[k] = product;
  }

  /// Laid round the circle; a step wider than the window overlaps itself, as its sum would.
  private double[] wrapped(LossGrid grid, double tilt) {
    double[] circle = new double[size];
    double[] tilted = grid.tilted(tilt);
    for (int i = 0; i < tilted.length; i++) {
      circle[Math.floorMod(grid.lowest() + i, size)] += tilted[i];
    }
    return circle;
  }

  /// The summed loss's tilted law on a window of the lattice.
  ///
  /// @param lowest the window's first lattice index
  /// @return a new array of the window's size
  double[] window(long lowest) {
    double[][] transform = new double[][] {real.clone(), imaginary.clone()};
    for (int k = 1; k < size / 2; k++) {
      transform[0][size - k] = real[k];
      transform[1][size - k] = -imaginary[k];
    }
    FastFourierTransformer.transformInPlace(
        transform, DftNormalization.STANDARD, TransformType.INVERSE);
    double[] window = new double[size];
    for (int i = 0; i < size; i++) {
      window[i] = transform[0][Math.floorMod(lowest + i, size)];
    }
    return window;
  }

  /// A bound on the arithmetic error of each entry of the window: a transform's error is `4
  /// log2(size)` units in the last place of its input's sum (a radix-2 transform makes log2(size)
  /// roundings in a row; 1 unit at 2^20 points was seen), it grows as [#growth] says, and the mean
  /// over all frequencies comes back.
  double error() {
    double sum = 0;
    for (int k = 0; k <= size / 2; k++) {
      double weight = k == 0 || k == size / 2 ? 1 : 2;
      sum += weight * (steps * growth[k] + Math.hypot(real[k], imaginary[k]));
    }
    double levels = Integer.numberOfTrailingZeros(size);
    return 4 * ULP * levels * sum / size;
  }
}
