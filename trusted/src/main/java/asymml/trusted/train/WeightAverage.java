package asymml.trusted.train;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.trusted.ops.Parameters;

/// The moving average of a network's parameters over the steps of a run (De et al., arXiv
/// 2204.13650): a function of what DP-SGD has released, so that it costs nothing more, and less
/// noisy than the last parameters.
final class WeightAverage implements AutoCloseable {
  private final Parameters values;
  private final DpSgd dpSgd;

  /// Starts at the parameters that a run starts with.
  ///
  /// @param graph the network
  /// @param initializer gives the run's initial parameters
  /// @param dpSgd says how much stays in a step
  WeightAverage(Graph graph, Initializer initializer, DpSgd dpSgd) {
    this.values = new Parameters(graph, initializer, false);
    this.dpSgd = dpSgd;
  }

  /// The average.
  Parameters values() {
    return values;
  }

  /// Moves it on.
  ///
  /// @param parameters after a step
  /// @param step that is done, from 0
  void add(Parameters parameters, long step) {
    float kept = dpSgd.kept(step);
    for (Parameter p : values.all()) {
      if (p.frozen()) {
        continue;
      }
      Tensor average = values.value(p.name());
      Elementwise.scale(kept, average);
      Elementwise.axpy(1 - kept, parameters.value(p.name()), average);
    }
    values.changed();
  }

  @Override
  public void close() {
    values.close();
  }
}
