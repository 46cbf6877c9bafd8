package asymml.trusted.bench;

import asymml.model.Graph;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.Shield;

/// How a plan's processor time on the trusted side compares with that of training all layers there:
/// an estimate from the work of both, without a measurement. Where the plan is above 1, splitting
/// costs more than it saves.
///
/// Measured plans took 1.4 to 1.9 times what follows from the lower bounds of the work
/// (`docs/results-history.md`): results are checked and added in passes of their own, and narrow
/// products are slower than wide ones. The range has some room on both sides.
///
/// @param least processor time of the plan over that of training all layers here
/// @param most the same at the other end of the range
public record CostEstimate(double least, double most) {
  private static final double LEAST_OVER_BOUNDS = 1.3;
  private static final double MOST_OVER_BOUNDS = 2;

  /// A core with AVX2, as it was measured: products, copies, noise.
  private static final MachineRates CORE = new MachineRates(113, 36, 1.45);

  /// Estimates a training step.
  ///
  /// @param graph the network
  /// @param batch number of examples
  /// @param shield what hides the data of split layers
  /// @param plan where the linear layers run
  /// @return the range
  public static CostEstimate of(Graph graph, int batch, Shield shield, Plan plan) {
    CostLowerBound bound = new CostLowerBound(graph, batch, shield);
    double ratio = CORE.millis(bound.step(plan)) / CORE.millis(bound.step(Plan.trusted(graph)));
    return new CostEstimate(LEAST_OVER_BOUNDS * ratio, MOST_OVER_BOUNDS * ratio);
  }

  /// Whether the plan costs more wherever in the range it is.
  ///
  /// @return true if splitting saves nothing
  public boolean costsMore() {
    return least >= 1;
  }
}
