package asymml.privacy;

import java.util.function.DoubleUnaryOperator;

/// Bisection that never leaves the safe side.
final class Bisection {
  private Bisection() {}

  /// The smallest double, at least 0, at which a falling function is at most a target.
  ///
  /// @param function falls with its argument
  /// @param target what it must not exceed
  /// @param high where it does not
  /// @throws ArithmeticException if it does there
  static double smallest(DoubleUnaryOperator function, double target, double high) {
    if (function.applyAsDouble(0) <= target) {
      return 0;
    }
    if (!(function.applyAsDouble(high) <= target)) {
      throw new ArithmeticException("a privacy bound did not converge");
    }
    double outside = 0;
    double inside = high;
    while (true) {
      double middle = 0.5 * (outside + inside);
      if (middle <= outside || middle >= inside) {
        return inside;
      }
      if (function.applyAsDouble(middle) <= target) {
        inside = middle;
      } else {
        outside = middle;
      }
    }
  }
}
