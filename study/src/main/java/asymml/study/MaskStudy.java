package asymml.study;

import asymml.model.Graph;
import asymml.session.TrainedRun;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.data.DataSet;
import asymml.trusted.passes.LayerPass;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.rank.MaskErrors;
import asymml.trusted.rank.RankAnalysis;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import java.util.ArrayList;
import java.util.List;

/// Measures what masks would cost a trained model in precision, in this process: nothing is
/// released.
///
/// @param noiseMultiplier standard deviation of the masks over the bound, 0.001 to 1e9
/// @param ranks directions that stay trusted
/// @param images that run through the network where there are as many, at least 1
public record MaskStudy(double noiseMultiplier, List<RankPolicy> ranks, int images) {
  /// Copies the list and checks the ranges above.
  ///
  /// @throws IllegalArgumentException with the rule that a value breaks
  public MaskStudy {
    ranks = List.copyOf(ranks);
    if (images < 1) {
      throw new IllegalArgumentException("images must be at least 1: " + images);
    }
    if (!(noiseMultiplier >= 1e-3 && noiseMultiplier <= 1e9)) {
      throw new IllegalArgumentException(
          "the noise multiplier must be 0.001 to 1e9: " + noiseMultiplier);
    }
  }

  /// Measures the layers that are split in a run, or would be.
  ///
  /// @param run with a model
  /// @param data training images that fit it
  /// @return the errors of each layer
  /// @throws StudyException if the activations are not finite
  public MaskReport measure(TrainedRun run, DataSet data) throws StudyException {
    TrainedModel model = run.model();
    TrainConfig config = run.spec().training();
    Graph graph = model.graph();
    int used = Math.min(images, data.train().size());
    List<MaskErrors.AtRank> forward = new ArrayList<>();
    List<MaskErrors.OfGradient> backward = new ArrayList<>();
    try (LayerPass pass =
        RankAnalysis.pass(
            graph,
            model.parameters(),
            data.train(),
            model.description().normalization(),
            used,
            config.labelSmoothing(),
            config.seed())) {
      MaskErrors errors = new MaskErrors(pass, graph, noiseMultiplier);
      for (int node : split(graph, config)) {
        forward.addAll(errors.forward(node, ranks));
        backward.add(errors.backward(node));
      }
    } catch (NonFiniteException e) {
      throw new StudyException(RankStudy.NOT_FINITE, e);
    }
    return new MaskReport(graph.name(), noiseMultiplier, used, forward, backward);
  }

  private static List<Integer> split(Graph graph, TrainConfig config) {
    Plan plan =
        Plan.of(graph, Mode.ASYMML, config.decomposition(), config.rank(), config.trustedLayers());
    return graph.linearLayers().stream()
        .filter(i -> plan.placement(graph.nodes().get(i).name()) instanceof Placement.Split)
        .toList();
  }
}
