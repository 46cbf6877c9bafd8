package asymml.verify.violations.cycles.three;

/// Knows nobody.
public final class Leaf {
  /// Makes one.
  public Leaf() {}
}
