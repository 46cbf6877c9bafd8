package asymml.study.tradeoff;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.session.TrainingSpec;
import asymml.study.NoiseAlone;
import asymml.study.tradeoff.Tradeoff.Point;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.RankPolicy;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TradeoffSpecTest {
  private static final RankPolicy QUARTER = RankPolicy.parse("1/4");
  private static final TrainingSpec COMMON =
      TrainingSpec.defaults().withLimits(128, 80).withEpochs(2).withSeed(5);

  private static TradeoffSpec spec(List<Double> noise, List<Double> gradientNoise) {
    return new TradeoffSpec(COMMON, List.of(QUARTER), noise, gradientNoise);
  }

  @Test
  void noise_alone_is_always_in_the_grid() {
    assertThat(spec(List.of(0.5), List.of()).points())
        .containsExactly(new Point(NoiseAlone.RANK, 0.5, 0), new Point(QUARTER, 0.5, 0));
  }

  @Test
  void a_level_counts_once_and_minus_zero_is_zero() {
    assertThat(spec(List.of(0.0, 0.5, -0.0, 0.5), List.of(-0.0)).noise()).containsExactly(0.0, 0.5);
    assertThat(spec(List.of(0.0), List.of(-0.0)).points()).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(doubles = {-1, Double.NaN, Double.POSITIVE_INFINITY})
  void a_level_is_finite_and_at_least_0(double level) {
    assertThatThrownBy(() -> spec(List.of(0.0, level), List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("noise on residuals takes finite numbers of at least 0: ");
    assertThatThrownBy(() -> spec(List.of(0.0), List.of(level)))
        .hasMessageStartingWith("noise on output gradients takes finite numbers");
  }

  @Test
  void a_cell_has_its_rank_mode_and_noise_and_the_rest_of_all_cells() {
    TradeoffSpec grid = spec(List.of(0.0, 0.5), List.of(0.3));
    TrainingSpec cell = grid.run(new Point(QUARTER, 0.5, 0));
    assertThat(cell.training().mode()).isEqualTo(Mode.ASYMML);
    assertThat(cell.training().rank()).isEqualTo(QUARTER);
    assertThat(cell.training().noise()).isEqualTo(new NoiseStrength.Ratio(0.5));
    assertThat(cell.training().gradientNoise()).isEqualTo(new NoiseStrength.None());
    assertThat(cell.training().epochs()).isEqualTo(2);
    assertThat(cell.training().seed()).isEqualTo(5);
    TrainingSpec alone = grid.run(new Point(NoiseAlone.RANK, 0, 0.3));
    assertThat(alone.training().mode()).isEqualTo(Mode.DP_ONLY);
    assertThat(alone.training().noise()).isEqualTo(new NoiseStrength.None());
    assertThat(alone.training().gradientNoise()).isEqualTo(new NoiseStrength.Ratio(0.3));
  }

  @Test
  void epochs_are_tested_on_few_images() {
    Point point = new Point(QUARTER, 0, 0);
    assertThat(spec(List.of(0.0), List.of()).run(point).data().limitTest().images()).isEqualTo(80);
    TradeoffSpec all =
        new TradeoffSpec(TrainingSpec.defaults(), List.of(QUARTER), List.of(0.0), List.of());
    assertThat(all.run(point).data().limitTest().images()).isEqualTo(500);
    assertThat(all.run(point).data().limitTrain().images()).isEqualTo(Integer.MAX_VALUE);
  }
}
