package asymml.verify.violations.trusted.plan;

/// Stands for the policy that a plan resolves.
public final class RankPolicy {
  /// A policy.
  public RankPolicy() {}

  /// The rank of a layer.
  ///
  /// @param layer which
  /// @param channels of its input
  /// @return any number
  public int resolve(int layer, int channels) {
    return layer + channels;
  }
}
