package asymml.study.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.trusted.bench.StepCost;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.plan.Mode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Steps of 20 and 40 milliseconds, of which 12 are spent waiting.
class ModeCostsTest {
  private static final BenchPoint POINT = BenchPoint.of(BenchSpecTest.spec(Mode.ASYMML));

  private static ModeCosts costs(List<StepCost> rounds, Map<String, Map<Phase, Double>> layers) {
    return new ModeCosts(
        POINT.plan(Mode.ASYMML), 5, rounds, layers, OptionalLong.empty(), OptionalLong.empty());
  }

  private static ModeCosts costs() {
    Map<String, Map<Phase, Double>> layers = new LinkedHashMap<>();
    layers.put("conv2", Map.of(Phase.WAIT, 8.0, Phase.KERNELS, 3.0));
    layers.put("conv1", Map.of(Phase.KERNELS, 2.0));
    layers.put("whole step", Map.of(Phase.WAIT, 4.0));
    return costs(
        List.of(new StepCost(20, 10, 1, 300, 70), new StepCost(40, 16, 3, 300, 70)), layers);
  }

  @Test
  void a_step_costs_the_mean_of_the_rounds_and_sends_what_each_sends() {
    assertThat(costs().cost()).isEqualTo(new StepCost(30, 13, 2, 300, 70));
    assertThat(costs().overLowerBound()).isEqualTo(2.6, within(1e-12));
  }

  @Test
  void work_is_told_by_layer_and_kind_and_missing_work_is_none() {
    assertThat(costs().millis("conv2", Phase.WAIT)).isEqualTo(8);
    assertThat(costs().millis("conv1", Phase.WAIT)).isZero();
    assertThat(costs().millis("conv9", Phase.WAIT)).isZero();
    assertThat(costs().millis(Phase.KERNELS)).isEqualTo(5);
    assertThat(costs().millis(Phase.WAIT)).isEqualTo(12);
    assertThat(costs().millis(Phase.UPDATE)).isZero();
  }

  /// 18 milliseconds of 30 are work.
  @ParameterizedTest
  @CsvSource({"1, 30", "1.5, 39", "2, 48", "10, 192"})
  void a_slower_trusted_side_makes_work_longer_and_waiting_not(double slowdown, double millis) {
    assertThat(costs().projectedMillis(slowdown)).isEqualTo(millis, within(1e-9));
  }

  @Test
  void layers_keep_their_order_and_later_changes_stay_outside() {
    Map<String, Map<Phase, Double>> layers = new LinkedHashMap<>();
    List<StepCost> rounds = new ArrayList<>(List.of(new StepCost(1, 1, 1, 1, 1)));
    layers.put("fc", Map.of());
    layers.put("conv1", Map.of());
    ModeCosts costs = costs(rounds, layers);
    layers.clear();
    rounds.clear();
    assertThat(costs.layers().keySet()).containsExactly("fc", "conv1");
    assertThat(costs.rounds()).hasSize(1);
    assertThatThrownBy(() -> costs.layers().clear())
        .isInstanceOf(UnsupportedOperationException.class);
  }

  @Test
  void without_a_round_there_is_no_cost() {
    ModeCosts none = costs(List.of(), Map.of());
    assertThatThrownBy(none::cost).isInstanceOf(NoSuchElementException.class);
  }
}
