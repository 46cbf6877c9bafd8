package asymml.study.plan;

import asymml.model.Graph;

/// Hears how planning goes. Called on the thread that plans.
public interface PlanListener {
  /// The network is built.
  ///
  /// @param graph the network
  void opened(Graph graph);

  /// A timing begins.
  ///
  /// @param what is timed, in words
  void timing(String what);

  /// A timing is done.
  ///
  /// @param wallMillis of a step
  void timed(double wallMillis);
}
