package asymml.privacy;

import java.util.Arrays;
import org.hipparchus.special.Erf;

/// The truth about short compositions of subsampled Gaussians, by slow means that share nothing
/// with the accountants: quadrature, and direct convolution of rounded losses.
final class LossOracle {
  private static final double REACH = 14;

  private final double q;
  private final double z;
  private final boolean removing;

  LossOracle(double q, double z, boolean removing) {
    this.q = q;
    this.z = z;
    this.removing = removing;
  }

  private double normalDensity(double x) {
    return Math.exp(-x * x / (2 * z * z)) / (z * Math.sqrt(2 * Math.PI));
  }

  private double absent(double x) {
    return normalDensity(x);
  }

  private double present(double x) {
    return (1 - q) * normalDensity(x) + q * normalDensity(x - 1);
  }

  private double own(double x) {
    return removing ? present(x) : absent(x);
  }

  private double other(double x) {
    return removing ? absent(x) : present(x);
  }

  private double loss(double x) {
    double ratio = Math.log(1 - q + q * Math.exp((2 * x - 1) / (2 * z * z)));
    return removing ? ratio : -ratio;
  }

  /// Simpson's rule on `integral of (own - e^epsilon other)+`, in 200,000 steps.
  double deltaOfOne(double epsilon) {
    double factor = Math.exp(epsilon);
    return simpson(x -> Math.max(0, own(x) - factor * other(x)));
  }

  /// The same for two steps: over the first outcome, with the second in closed form.
  double deltaOfTwo(double epsilon) {
    return simpson(x -> own(x) * remaining(epsilon - loss(x)));
  }

  private double remaining(double epsilon) {
    double factor = Math.exp(epsilon);
    double inner = ((removing ? factor : 1 / factor) - (1 - q)) / q;
    if (inner <= 0) {
      return removing ? 1 - factor : 0;
    }
    double edge = 0.5 + z * z * Math.log(inner);
    double absentMass = removing ? above(edge / z) : above(-edge / z);
    double drawnMass = removing ? above((edge - 1) / z) : above((1 - edge) / z);
    double presentMass = (1 - q) * absentMass + q * drawnMass;
    return removing ? presentMass - factor * absentMass : absentMass - factor * presentMass;
  }

  private static double above(double x) {
    return 0.5 * Erf.erfc(x / Math.sqrt(2));
  }

  private interface Integrand {
    double at(double x);
  }

  private double simpson(Integrand integrand) {
    int steps = 200_000;
    double from = -REACH * z;
    double width = (1 + 2 * REACH * z) / steps;
    double sum = 0;
    for (int i = 0; i <= steps; i++) {
      double weight = i == 0 || i == steps ? 1 : i % 2 == 1 ? 4 : 2;
      sum += weight * integrand.at(from + i * width);
    }
    return sum * width / 3;
  }

  /// Epsilon of many steps with each loss moved to the lattice: by -1/2 to the point below, by 0 to
  /// the nearest. Convolved directly, so that delta cannot be small.
  ///
  /// @param doublings the number of steps is 2 to this
  /// @param step the lattice
  /// @param shift in lattice steps
  /// @param delta the target
  double epsilonOfMany(int doublings, double step, double shift, double delta) {
    int span = (int) Math.ceil(maxLoss() / step);
    double[] law = new double[2 * span + 1];
    int outcomes = 2_000_000;
    double width = (1 + 2 * REACH * z) / outcomes;
    for (int i = 0; i < outcomes; i++) {
      double x = -REACH * z + (i + 0.5) * width;
      law[span + (int) Math.floor(loss(x) / step + 0.5 + shift)] += own(x) * width;
    }
    for (int i = 0; i < doublings; i++) {
      law = squared(law);
    }
    int centre = law.length / 2;
    double above = 0;
    double discounted = 0;
    for (int i = law.length - 1; i > centre; i--) {
      above += law[i];
      discounted = discounted * Math.exp(-step) + law[i];
      if (above - discounted * Math.exp(-step) > delta) {
        return (i - centre) * step + Math.log((above - delta) / discounted);
      }
    }
    return 0;
  }

  private double maxLoss() {
    return 1 + Math.max(Math.abs(loss(-REACH * z)), Math.abs(loss(1 + REACH * z)));
  }

  /// The convolution of a law with itself, leaving out masses that cannot matter.
  private static double[] squared(double[] law) {
    double[] sum = new double[2 * law.length - 1];
    for (int i = 0; i < law.length; i++) {
      if (law[i] > 1e-18) {
        for (int j = 0; j < law.length; j++) {
          sum[i + j] += law[i] * law[j];
        }
      }
    }
    int from = 0;
    while (sum[from] < 1e-18 && sum[sum.length - 1 - from] < 1e-18) {
      from++;
    }
    return Arrays.copyOfRange(sum, from, sum.length - from);
  }
}
