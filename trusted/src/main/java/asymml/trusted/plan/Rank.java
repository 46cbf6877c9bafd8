package asymml.trusted.plan;

import java.math.BigDecimal;

/// How many directions of one input stay on the trusted side: a [RankPolicy], resolved for one
/// layer. A plan holds these, so that no code asks a policy about a layer again.
public sealed interface Rank {
  /// Keeps nothing: the whole input is sent, with noise.
  Rank NONE = new Fixed(0);

  /// The largest possible rank.
  ///
  /// @return at least 0; 0 if there is no low-rank part
  int most();

  /// The largest share of `|X|^2` in the residual.
  ///
  /// @return 0 where the rank does not depend on the data
  double residualShare();

  /// The same with another limit.
  ///
  /// @param limit at least 1
  /// @return this, or a rank of at most the limit
  Rank atMost(int limit);

  /// A number.
  ///
  /// @param most the rank, at least 0
  record Fixed(int most) implements Rank {
    /// Checks the range.
    public Fixed {
      if (most < 0) {
        throw new IllegalArgumentException("rank must be at least 0: " + most);
      }
    }

    @Override
    public double residualShare() {
      return 0;
    }

    @Override
    public Rank atMost(int limit) {
      return new Fixed(Math.min(most, limit));
    }

    @Override
    public String toString() {
      return Integer.toString(most);
    }
  }

  /// The smallest rank whose residual has at most a share of the input's energy: follows the data.
  ///
  /// @param residualShare largest `|residual|^2 / |X|^2`, in (0, 1)
  /// @param most upper limit, at least 1
  record Energy(double residualShare, int most) implements Rank {
    /// Checks the ranges.
    public Energy {
      if (!(residualShare > 0 && residualShare < 1) || most < 1) {
        throw new IllegalArgumentException(
            "a rank by energy needs a share in (0, 1) and a limit of at least 1: %s, %s"
                .formatted(residualShare, most));
      }
    }

    @Override
    public Rank atMost(int limit) {
      return new Energy(residualShare, Math.min(most, limit));
    }

    @Override
    public String toString() {
      return "energy:%s up to %s"
          .formatted(BigDecimal.valueOf(residualShare).stripTrailingZeros().toPlainString(), most);
    }
  }
}
