package asymml.cli;

import asymml.model.Graph;
import asymml.report.RunDescription;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Plan;
import asymml.trusted.train.TrainConfig;

/// What a run is about to do, in words for its user: what runs where, and what leaves.
///
/// @param config what is computed
/// @param data what on
/// @param graph the network
/// @param plan where its linear layers run
record RunHeader(TrainConfig config, DataSet data, Graph graph, Plan plan) {
  String describeData() {
    return "%s: %d training and %d test images of %s, %d classes"
        .formatted(
            data.name(),
            data.train().size(),
            data.test().size(),
            data.train().shape(),
            data.train().classNames().size());
  }

  String describeModel() {
    return RunDescription.model(graph, config);
  }

  /// How many layers run where.
  String describePlan() {
    return RunDescription.plan(graph, config, plan);
  }
}
