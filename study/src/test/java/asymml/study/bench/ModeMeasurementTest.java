package asymml.study.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.trusted.bench.StepCost;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.plan.Mode;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/// Planted rounds.
class ModeMeasurementTest {
  private static final BenchPoint POINT = BenchPoint.of(BenchSpecTest.spec(Mode.TRUSTED_ONLY));
  private static final int NODES = POINT.graph().nodes().size();

  private final ModeMeasurement measurement =
      new ModeMeasurement(POINT.graph(), POINT.plan(Mode.TRUSTED_ONLY), 12);

  private void add(int steps, long millisEach, OptionalLong trustedPeak, OptionalLong workerPeak) {
    measurement.add(
        new StepCost(millisEach, millisEach, 0, 0, 0),
        (_, phase) -> phase == Phase.KERNELS ? millisEach * 1_000_000 : 0,
        steps,
        trustedPeak,
        workerPeak);
  }

  @Test
  void the_times_of_a_step_are_those_of_all_rounds_over_all_steps() {
    add(1, 6, OptionalLong.empty(), OptionalLong.empty());
    add(3, 2, OptionalLong.empty(), OptionalLong.empty());
    ModeCosts costs = measurement.costs();
    // 6 + 2 milliseconds at each node in 4 steps.
    assertThat(costs.millis("whole step", Phase.KERNELS)).isCloseTo(2, within(1e-12));
    assertThat(costs.millis(Phase.KERNELS)).isCloseTo(2.0 * (NODES + 1), within(1e-9));
    assertThat(costs.millis(Phase.WAIT)).isZero();
    assertThat(costs.rounds()).hasSize(2);
    assertThat(costs.lowerBoundMillis()).isEqualTo(12);
  }

  @Test
  void the_largest_peak_of_any_round_is_kept() {
    add(1, 1, OptionalLong.of(5), OptionalLong.empty());
    add(1, 1, OptionalLong.of(9), OptionalLong.of(2));
    add(1, 1, OptionalLong.of(7), OptionalLong.of(1));
    assertThat(measurement.costs().trustedPeak()).hasValue(9);
    assertThat(measurement.costs().workerPeak()).hasValue(2);
  }

  @Test
  void a_peak_that_nobody_knows_stays_unknown() {
    add(1, 1, OptionalLong.empty(), OptionalLong.empty());
    assertThat(measurement.costs().trustedPeak()).isEmpty();
    assertThat(measurement.costs().workerPeak()).isEmpty();
  }

  @Test
  void what_comes_later_does_not_change_costs_that_were_taken() {
    add(1, 4, OptionalLong.empty(), OptionalLong.empty());
    ModeCosts before = measurement.costs();
    add(1, 8, OptionalLong.empty(), OptionalLong.empty());
    assertThat(before.cost().wallMillis()).isEqualTo(4);
    assertThat(before.millis("whole step", Phase.KERNELS)).isCloseTo(4, within(1e-12));
    assertThat(measurement.costs().cost().wallMillis()).isEqualTo(6);
  }
}
