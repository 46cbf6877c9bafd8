package asymml.verify.violations.cycles.two;

import asymml.verify.violations.cycles.one.Head;
import asymml.verify.violations.cycles.three.Leaf;

/// The other half of the cycle; what it knows beside it is no part of one.
public final class Tail {
  /// Makes one.
  public Tail() {}

  Head head = new Head();
  Leaf leaf = new Leaf();
}
