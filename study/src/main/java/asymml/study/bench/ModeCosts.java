package asymml.study.bench;

import asymml.trusted.bench.StepCost;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.plan.Plan;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/// What a training step costs in one mode.
///
/// @param plan where linear layers run
/// @param lowerBoundMillis the work that the trusted side cannot avoid, in milliseconds of one core
/// @param rounds one for each round, at least one
/// @param layers milliseconds a step, by layer in order and by kind of work; a linear layer stands
///   for all that follows it until the next one
/// @param trustedPeak most resident bytes of the trusted process; empty if not known
/// @param workerPeak the same of the worker
public record ModeCosts(
    Plan plan,
    double lowerBoundMillis,
    List<StepCost> rounds,
    Map<String, Map<Phase, Double>> layers,
    OptionalLong trustedPeak,
    OptionalLong workerPeak) {
  /// Copies the collections.
  public ModeCosts {
    rounds = List.copyOf(rounds);
    layers = Collections.unmodifiableMap(new LinkedHashMap<>(layers));
  }

  /// The mean over the rounds.
  ///
  /// @return of a step
  public StepCost cost() {
    return StepCost.mean(rounds);
  }

  /// One kind of work at a layer.
  ///
  /// @param layer a key of [#layers]
  /// @param phase the kind of work
  /// @return milliseconds a step
  public double millis(String layer, Phase phase) {
    return layers.getOrDefault(layer, Map.of()).getOrDefault(phase, 0.0);
  }

  /// One kind of work.
  ///
  /// @param phase the kind of work
  /// @return milliseconds a step
  public double millis(Phase phase) {
    return layers.keySet().stream().mapToDouble(layer -> millis(layer, phase)).sum();
  }

  /// Processor time of the trusted process over the lower bound.
  ///
  /// @return at least about 1
  public double overLowerBound() {
    return cost().trustedCpuMillis() / lowerBoundMillis;
  }

  /// The wall time of a step if the trusted side were slower. Waiting does not grow with the
  /// slowdown; it may shrink, which is left out. A projection, not a measurement.
  ///
  /// @param slowdown of the trusted side, at least 1
  /// @return milliseconds
  public double projectedMillis(double slowdown) {
    double wait = millis(Phase.WAIT);
    return slowdown * (cost().wallMillis() - wait) + wait;
  }
}
