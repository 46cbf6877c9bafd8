package asymml.study.tradeoff;

import asymml.session.InferenceSpec;
import asymml.session.Limit;
import asymml.session.TrainingSpec;
import asymml.study.Decimal;
import asymml.study.NoiseAlone;
import asymml.study.tradeoff.Tradeoff.Point;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.RankPolicy;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// A grid of training runs, or of inference through the split with one trained model.
///
/// @param common what all cells share: images, network, decomposition, epochs, batch size, learning
///   rate, seed
/// @param ranks to compare; noise alone comes first, and is added where it is missing
/// @param noise levels on residuals, each once, finite and at least 0
/// @param gradientNoise levels on output gradients likewise; empty for no such grid
/// @param inference whether one model is trained without workers and each cell runs it through the
///   split, in place of training in each cell
public record TradeoffSpec(
    TrainingSpec common,
    List<RankPolicy> ranks,
    List<Double> noise,
    List<Double> gradientNoise,
    boolean inference) {
  /// Training evaluates after each epoch, with running statistics gathered under noise; that is
  /// only to be looked at.
  private static final int TEST_AFTER_EPOCHS = 500;

  /// Orders the ranks and checks the levels.
  ///
  /// @throws IllegalArgumentException with the rule that a value breaks
  public TradeoffSpec {
    ranks = NoiseAlone.before(ranks);
    noise = levels("noise on residuals", noise);
    gradientNoise = levels("noise on output gradients", gradientNoise);
    if (inference && !gradientNoise.isEmpty()) {
      throw new IllegalArgumentException(
          "noise on output gradients is for training: inference has" + " none");
    }
  }

  /// A grid of training runs.
  ///
  /// @param common what all cells share
  /// @param ranks to compare
  /// @param noise levels on residuals
  /// @param gradientNoise levels on output gradients
  /// @throws IllegalArgumentException with the rule that a value breaks
  public TradeoffSpec(
      TrainingSpec common, List<RankPolicy> ranks, List<Double> noise, List<Double> gradientNoise) {
    this(common, ranks, noise, gradientNoise, false);
  }

  private static List<Double> levels(String what, List<Double> given) {
    Set<Double> levels = new LinkedHashSet<>();
    for (double level : given) {
      if (!(level >= 0) || Double.isInfinite(level)) {
        throw new IllegalArgumentException(
            "%s takes finite numbers of at least 0: %s".formatted(what, Decimal.plain(level)));
      }
      levels.add(level + 0.0); // -0 is 0
    }
    return List.copyOf(levels);
  }

  /// The cells.
  ///
  /// @return in the order in which they are run
  public Set<Point> points() {
    return Tradeoff.points(ranks, noise, gradientNoise);
  }

  /// The run of a cell.
  ///
  /// @param point in the grid
  /// @return its specification; it tests on few images after each epoch
  public TrainingSpec run(Point point) {
    return common
        .withData(common.data().withLimits(common.data().limitTrain(), testAfterEpochs()))
        .withTraining(
            common
                .training()
                .withMode(point.mode())
                .withRank(point.rank())
                .withNoise(strength(point.noise()))
                .withGradientNoise(strength(point.gradientNoise())));
  }

  /// The run of the one model that all cells of inference share.
  ///
  /// @return trained wholly in the trusted process
  TrainingSpec model() {
    return common.withMode(Mode.TRUSTED_ONLY);
  }

  /// How a cell of inference runs the model.
  ///
  /// @param point in the grid
  InferenceSpec split(Point point) {
    return InferenceSpec.of(run(point));
  }

  private Limit testAfterEpochs() {
    return new Limit(Math.min(TEST_AFTER_EPOCHS, common.data().limitTest().images()));
  }

  private static NoiseStrength strength(double level) {
    return level == 0 ? new NoiseStrength.None() : new NoiseStrength.Ratio(level);
  }
}
