package asymml.study.bench;

import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;

/// What a training step, or a batch of inference, costs, mode against mode.
///
/// @param point what was measured
/// @param modes in the order in which they took turns
public record BenchResult(BenchPoint point, Map<Mode, ModeCosts> modes) {
  /// Copies the map.
  public BenchResult {
    modes = Collections.unmodifiableMap(new LinkedHashMap<>(modes));
  }

  /// The costs of a mode.
  ///
  /// @param mode one that was measured
  /// @return its costs
  /// @throws IllegalArgumentException if it was not measured
  public ModeCosts of(Mode mode) {
    ModeCosts costs = modes.get(mode);
    if (costs == null) {
      throw new IllegalArgumentException(mode.label() + " was not measured");
    }
    return costs;
  }

  /// How many images pass in a second.
  ///
  /// @param mode one that was measured
  /// @return the batch size over the wall time
  /// @throws IllegalArgumentException if it was not measured
  public double imagesPerSecond(Mode mode) {
    return 1e3 * point.batchSize() / of(mode).cost().wallMillis();
  }

  /// Processor seconds of `trusted-only` over those of the trusted process in `asymml`.
  ///
  /// @return empty if one of them was not measured
  public OptionalDouble trustedCostRatio() {
    return ratio(m -> m.cost().trustedCpuMillis(), m -> m.cost().trustedCpuMillis());
  }

  /// What the trusted-cost ratio would be if `asymml` did no avoidable work: measured
  /// `trusted-only` over the lower bound of `asymml`.
  ///
  /// @return empty if one of them was not measured
  public OptionalDouble largestTrustedCostRatio() {
    return ratio(m -> m.cost().trustedCpuMillis(), ModeCosts::lowerBoundMillis);
  }

  /// How many times as fast `asymml` would be as `trusted-only` on a slower trusted side. A
  /// projection, not a measurement.
  ///
  /// @param slowdown of the trusted side, at least 1
  /// @return empty if one of them was not measured
  public OptionalDouble projectedRatio(double slowdown) {
    return ratio(m -> m.projectedMillis(slowdown), m -> m.projectedMillis(slowdown));
  }

  private OptionalDouble ratio(
      ToDoubleFunction<ModeCosts> ofWhole, ToDoubleFunction<ModeCosts> ofSplit) {
    ModeCosts whole = modes.get(Mode.TRUSTED_ONLY);
    ModeCosts split = modes.get(Mode.ASYMML);
    return whole == null || split == null
        ? OptionalDouble.empty()
        : OptionalDouble.of(ofWhole.applyAsDouble(whole) / ofSplit.applyAsDouble(split));
  }

  /// Where a layer runs, in words.
  ///
  /// @param mode one that was measured
  /// @param layer a key of its layers
  /// @return empty for what belongs to no layer
  public String placement(Mode mode, String layer) {
    return switch (of(mode).plan().layers().get(layer)) {
      case null -> "";
      case Placement.Trusted _ -> "trusted";
      case Placement.Untrusted _ -> "untrusted";
      case Placement.Split(var _, var rank) -> "split, rank " + rank.most();
    };
  }
}
