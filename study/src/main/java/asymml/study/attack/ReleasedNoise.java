package asymml.study.attack;

import asymml.model.Graph;
import asymml.privacy.Channel;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.trusted.plan.DataFlow;
import asymml.trusted.plan.Plan;
import asymml.trusted.train.TrainConfig;
import org.jspecify.annotations.Nullable;

/// The noise on the inputs that a run released, as the run resolved it. A run that is accounted for
/// can derive it from a target epsilon, and its masks have more of it than its settings say: there
/// the ledger is the only source. It records one release for each input, under the name of the
/// first layer that reads it.
final class ReleasedNoise {
  private final DataFlow flow;
  private final TrainConfig config;
  private final @Nullable Ledger ledger;

  /// Follows the inputs of a run.
  ///
  /// @param graph its network
  /// @param plan where its layers ran
  /// @param config what it computed
  /// @param ledger what it released; null if there is none
  /// @throws IllegalArgumentException if the run is accounted for and there is no ledger
  ReleasedNoise(Graph graph, Plan plan, TrainConfig config, @Nullable Ledger ledger) {
    if (config.privacy().accounted() && ledger == null) {
      throw new IllegalArgumentException(
          "the run is accounted for and its directory has no ledger, which states its noise");
    }
    this.flow = new DataFlow(graph, plan, config.shield());
    this.config = config;
    this.ledger = ledger;
  }

  /// The noise on a layer's input, over the size of one example at the clip bound.
  ///
  /// @param node of a layer at a worker
  /// @param values of one example's input
  /// @return 0 if there is none
  /// @throws IllegalArgumentException if nothing is released for the layer, or the ledger is of
  ///   another run
  double ratio(int node, int values) {
    DataFlow.Input input = flow.layer(node).input();
    if (input == null) {
      throw new IllegalArgumentException(
          "no input of " + flow.layer(node).name() + " is released: it is computed here");
    }
    double multiplier =
        ledger != null && config.privacy().accounted()
            ? recorded(ledger, input).value()
            : config.noise().sigma(1, values);
    return multiplier * Math.sqrt(values);
  }

  private static NoiseMultiplier recorded(Ledger ledger, DataFlow.Input input) {
    return ledger.entries().stream()
        .flatMap(entry -> entry.releases().stream())
        .filter(r -> r.channel() == Channel.RESIDUALS && r.layer().equals(input.name()))
        .map(Release::mechanism)
        .filter(Release.Gaussian.class::isInstance)
        .map(mechanism -> ((Release.Gaussian) mechanism).noiseMultiplier())
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "the ledger has no noise on the input of %s: it is of another run"
                    .formatted(input.name())));
  }
}
