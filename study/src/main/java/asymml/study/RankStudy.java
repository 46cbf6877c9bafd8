package asymml.study;

import asymml.session.TrainedRun;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Plan;
import asymml.trusted.rank.RankAnalysis;
import asymml.trusted.rank.RankReport;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;

/// Analyses the ranks of a trained model's activations and output gradients, in this process:
/// nothing is released.
///
/// @param images to decompose exactly, chosen by the run's seed, at least 1
public record RankStudy(int images) {
  static final String NOT_FINITE =
      "the activations are not finite: training of this model diverged";

  /// Checks the range above.
  ///
  /// @throws IllegalArgumentException if it does not hold
  public RankStudy {
    if (images < 1) {
      throw new IllegalArgumentException("images must be at least 1: " + images);
    }
  }

  /// Analyses the layers of a run.
  ///
  /// @param run with a model
  /// @param data training images that fit it
  /// @return ranks, energies and bounds; private statistics
  /// @throws StudyException if the activations are not finite
  public RankReport analyze(TrainedRun run, DataSet data) throws StudyException {
    TrainedModel model = run.model();
    TrainConfig config = run.spec().training();
    Plan plan =
        Plan.of(
            model.graph(),
            config.mode(),
            config.decomposition(),
            config.rank(),
            config.trustedLayers());
    RankAnalysis analysis =
        new RankAnalysis(
            plan,
            config.rank(),
            config.decomposition(),
            images,
            config.labelSmoothing(),
            config.seed());
    try {
      return analysis.of(
          model.graph(),
          model.parameters(),
          data.train(),
          model.description().normalization(),
          model.epoch(),
          model.step());
    } catch (NonFiniteException e) {
      throw new StudyException(NOT_FINITE, e);
    }
  }
}
