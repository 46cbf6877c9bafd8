package asymml.study.compare;

import asymml.privacy.PrivacyBudget;
import asymml.session.TrainingSpec;
import asymml.study.NoiseAlone;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.RankPolicy;
import java.util.List;
import java.util.Optional;

/// Which ranks to compare, for which guarantee.
///
/// @param common what all runs share: images, network, decomposition, batch size, learning rate,
///   seed
/// @param ranks to compare; noise alone comes first, and is added where it is missing
/// @param budget what the compared run may spend, the same for every rank
/// @param epochs of the run that the budget is for, at least 1
/// @param warmUpEpochs of training on the trusted side before norms are taken, at least 1
/// @param training of a model for every rank; empty for none
public record CompareSpec(
    TrainingSpec common,
    List<RankPolicy> ranks,
    PrivacyBudget budget,
    int epochs,
    int warmUpEpochs,
    Optional<Training> training) {
  /// Training of a model for every rank.
  ///
  /// @param epochs of each, at least 1
  /// @param noiseRatio `sigma = RATIO C / sqrt(values)`, C the layer's clip bound at its rank, so
  ///   that every rank has the same noise multiplier; above 0 and finite
  public record Training(int epochs, double noiseRatio) {
    /// Strong enough that ranks differ.
    public static final Training DEFAULTS = new Training(8, 0.3);

    /// Checks the ranges above.
    public Training {
      requirePositive("epochs of trained runs", epochs);
      if (!(noiseRatio > 0) || Double.isInfinite(noiseRatio)) {
        throw new IllegalArgumentException(
            "the noise ratio must be finite and above 0, since all ranks train alike without noise:"
                + " "
                + noiseRatio);
      }
    }
  }

  /// Orders the ranks and checks the ranges above.
  ///
  /// @throws IllegalArgumentException with the rule that a value breaks
  public CompareSpec {
    ranks = NoiseAlone.before(ranks);
    requirePositive("epochs", epochs);
    requirePositive("warm-up epochs", warmUpEpochs);
  }

  private static void requirePositive(String what, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(what + " must be at least 1: " + value);
    }
  }

  /// The training before measuring.
  ///
  /// @return a run wholly on the trusted side
  public TrainingSpec warmUp() {
    return common
        .withMode(Mode.TRUSTED_ONLY)
        .withEpochs(warmUpEpochs)
        .withNoise(new NoiseStrength.None());
  }

  /// The run of a rank.
  ///
  /// @param rank one of [#ranks]
  /// @return its specification
  /// @throws IllegalStateException if no models are trained
  public TrainingSpec run(RankPolicy rank) {
    Training own = training.orElseThrow(() -> new IllegalStateException("no models are trained"));
    return common
        .withMode(rank.equals(NoiseAlone.RANK) ? Mode.DP_ONLY : Mode.ASYMML)
        .withRank(rank)
        .withEpochs(own.epochs())
        .withNoise(new NoiseStrength.Ratio(own.noiseRatio()));
  }
}
