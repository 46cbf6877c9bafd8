package asymml.study;

import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.RankPolicy.Energy;
import asymml.trusted.plan.RankPolicy.Fixed;
import asymml.trusted.plan.RankPolicy.Fraction;
import asymml.trusted.plan.RankPolicy.PerLayer;
import asymml.trusted.plan.RankPolicy.Schedule;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// Rank 0: nothing stays trusted, and noise protects all by itself. Other ranks are compared with
/// it.
public final class NoiseAlone {
  /// The rank.
  public static final RankPolicy RANK = new Fixed(0);

  private NoiseAlone() {}

  /// Ranks, each once, noise alone before the others.
  ///
  /// @param ranks whole numbers and shares of the channels
  /// @return at least noise alone
  /// @throws IllegalArgumentException for a rank that depends on the layer's place or the data
  public static List<RankPolicy> before(List<RankPolicy> ranks) {
    Set<RankPolicy> compared = new LinkedHashSet<>();
    compared.add(RANK);
    for (RankPolicy rank : ranks) {
      switch (rank) {
        case Fixed _, Fraction _ -> compared.add(rank);
        case Schedule _, Energy _, PerLayer _ ->
            throw new IllegalArgumentException(
                "compared ranks are whole numbers and shares such as 1/8, not '" + rank + "'");
      }
    }
    return List.copyOf(compared);
  }
}
