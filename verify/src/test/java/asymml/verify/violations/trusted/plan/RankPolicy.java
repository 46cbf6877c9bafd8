package asymml.verify.violations.trusted.plan;

/// Stands for the policy that a plan resolves.
public final class RankPolicy {
  /// The rank of a layer.
  public int resolve(int layer, int channels) {
    return layer + channels;
  }
}
