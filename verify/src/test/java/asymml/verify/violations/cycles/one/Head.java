package asymml.verify.violations.cycles.one;

import asymml.verify.violations.cycles.two.Tail;

/// One half of a cycle between packages.
public final class Head {
  /// Makes one.
  public Head() {}

  Tail tail = new Tail();
}
