package asymml.privacy;

import java.util.function.DoubleSupplier;

/// What all accountants answer alike: the cases that need no arithmetic, and the last check of a
/// result. Fail closed: what is not a number at this point is an exception.
final class Answers {
  private Answers() {}

  static Epsilon epsilon(Composition composition, Delta delta, DoubleSupplier bound) {
    if (delta.value() == 1) {
      throw new IllegalArgumentException("delta must be below 1: everything is promised at 1");
    }
    if (composition.isUnprotected()) {
      return Epsilon.INFINITE;
    }
    if (composition.isNothing()) {
      return Epsilon.ZERO;
    }
    if (delta.value() == 0) {
      return Epsilon.INFINITE;
    }
    double value = bound.getAsDouble();
    if (!Double.isFinite(value)) {
      throw new ArithmeticException("the bound on epsilon did not converge: " + value);
    }
    return new Epsilon(value);
  }

  static Delta delta(Composition composition, Epsilon epsilon, DoubleSupplier bound) {
    if (!epsilon.isFinite()) {
      throw new IllegalArgumentException("epsilon must be finite");
    }
    if (composition.isUnprotected()) {
      return Delta.ONE;
    }
    if (composition.isNothing()) {
      return Delta.ZERO;
    }
    double value = bound.getAsDouble();
    if (Double.isNaN(value) || value < 0) {
      throw new ArithmeticException("the bound on delta did not converge: " + value);
    }
    return new Delta(Math.min(1, value));
  }
}
