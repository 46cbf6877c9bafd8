package asymml.study.tradeoff;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.study.NoiseAlone;
import asymml.study.tradeoff.Tradeoff.Cell;
import asymml.study.tradeoff.Tradeoff.Margin;
import asymml.study.tradeoff.Tradeoff.Point;
import asymml.study.tradeoff.Tradeoff.Sweep;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.RankPolicy;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class TradeoffTest {
  private static final RankPolicy EIGHTH = RankPolicy.parse("1/8");
  private static final List<RankPolicy> RANKS = List.of(NoiseAlone.RANK, EIGHTH);
  private static final int IMAGES = 400;
  private static final double DIVERGED = Double.NaN;

  /// Accuracies in the order of the grid; NaN stands for training that diverged.
  private static Tradeoff tradeoff(
      List<Double> noise, List<Double> gradientNoise, double... accuracies) {
    Map<Point, Cell> cells = new LinkedHashMap<>();
    int next = 0;
    for (Point point : Tradeoff.points(RANKS, noise, gradientNoise)) {
      double accuracy = accuracies[next++];
      OptionalDouble value =
          Double.isNaN(accuracy) ? OptionalDouble.empty() : OptionalDouble.of(accuracy);
      cells.put(point, new Cell(value, value, 60, 3, 100, 20));
    }
    assertThat(next).isEqualTo(accuracies.length);
    return new Tradeoff(RANKS, noise, gradientNoise, IMAGES, cells);
  }

  @Test
  void the_grid_has_each_place_once_with_noise_on_residuals_first() {
    assertThat(Tradeoff.points(RANKS, List.of(0.0, 1.0), List.of(0.0, 0.5)))
        .containsExactly(
            new Point(NoiseAlone.RANK, 0, 0),
            new Point(EIGHTH, 0, 0),
            new Point(NoiseAlone.RANK, 1, 0),
            new Point(EIGHTH, 1, 0),
            new Point(NoiseAlone.RANK, 0, 0.5),
            new Point(EIGHTH, 0, 0.5));
  }

  @Test
  void noise_alone_runs_as_dp_only_and_ranks_as_asymml() {
    assertThat(new Point(NoiseAlone.RANK, 1, 0).mode()).isEqualTo(Mode.DP_ONLY);
    assertThat(new Point(EIGHTH, 1, 0).mode()).isEqualTo(Mode.ASYMML);
    assertThat(Tradeoff.label(NoiseAlone.RANK)).isEqualTo("dp-only");
    assertThat(Tradeoff.label(EIGHTH)).isEqualTo("asymml 1/8");
  }

  @Test
  void a_cells_directory_tells_rank_and_noise() {
    assertThat(new Point(NoiseAlone.RANK, 0.5, 0).name()).isEqualTo("rank-0-noise-0.5");
    assertThat(new Point(EIGHTH, 0, 0.25).name()).isEqualTo("rank-1_8-noise-0-gradient-noise-0.25");
    assertThat(new Point(EIGHTH, 1, 0).describe()).isEqualTo("asymml 1/8, noise 1");
    assertThat(new Point(EIGHTH, 0, 2).describe())
        .isEqualTo("asymml 1/8, noise 0, on output gradients 2");
  }

  @Test
  void a_margin_has_the_errors_of_both_accuracies() {
    Tradeoff tradeoff = tradeoff(List.of(1.0), List.of(), 0.2, 0.5);
    Margin margin = Objects.requireNonNull(tradeoff.margin(new Point(EIGHTH, 1, 0)));
    assertThat(margin.share()).isCloseTo(0.3, within(1e-12));
    // sqrt(0.2 0.8 / 400) = 0.02 and sqrt(0.5 0.5 / 400) = 0.025.
    assertThat(margin.standardError())
        .isCloseTo(Math.sqrt(0.02 * 0.02 + 0.025 * 0.025), within(1e-12));
    assertThat(margin).hasToString("+30.0 points (standard error 3.2)");
  }

  @Test
  void noise_alone_has_no_margin_over_itself() {
    Tradeoff tradeoff = tradeoff(List.of(1.0), List.of(), 0.2, 0.5);
    assertThat(tradeoff.margin(new Point(NoiseAlone.RANK, 1, 0))).isNull();
    assertThat(tradeoff.beats(new Point(NoiseAlone.RANK, 1, 0))).isFalse();
  }

  @Test
  void what_is_within_two_standard_errors_does_not_count() {
    assertThat(new Margin(0.06, 0.03).counts()).isFalse();
    assertThat(new Margin(0.0601, 0.03).counts()).isTrue();
    assertThat(new Margin(-0.5, 0.03).counts()).isFalse();
  }

  @Test
  void the_verdict_names_each_place_that_does_not_beat_noise_alone() {
    assertThat(tradeoff(List.of(0.0, 1.0), List.of(), 0.5, 0.5, 0.4, 0.46).verdict())
        .endsWith("(2 standard errors): NO, not asymml 1/8, noise 1");
    assertThat(tradeoff(List.of(0.0, 1.0), List.of(), 0.5, 0.5, 0.4, 0.48).verdict())
        .endsWith("(2 standard errors): yes");
    assertThat(tradeoff(List.of(1.0, 2.0), List.of(), 0.5, 0.5, 0.4, 0.3).verdict())
        .endsWith("NO, not asymml 1/8, noise 1; asymml 1/8, noise 2");
  }

  @Test
  void a_rank_that_trains_where_noise_alone_diverges_beats_it_and_not_the_other_way_round() {
    assertThat(tradeoff(List.of(1.0), List.of(), DIVERGED, 0.2).verdict()).endsWith(": yes");
    assertThat(tradeoff(List.of(1.0), List.of(), 0.2, DIVERGED).verdict()).contains(": NO");
    assertThat(tradeoff(List.of(1.0), List.of(), DIVERGED, DIVERGED).unbeaten())
        .containsExactly(new Point(EIGHTH, 1, 0));
  }

  @Test
  void noise_on_gradients_is_another_sweep_and_no_part_of_the_claim() {
    Tradeoff tradeoff =
        tradeoff(List.of(0.0, 1.0), List.of(0.0, 1.0), 0.5, 0.5, 0.2, 0.4, 0.3, 0.3);
    assertThat(tradeoff.cells()).hasSize(6); // no noise at all is one level of both
    assertThat(tradeoff.sweeps())
        .containsExactly(
            new Sweep("residuals", List.of(0.0, 1.0), false),
            new Sweep("output gradients", List.of(0.0, 1.0), true));
    assertThat(tradeoff.sweeps().get(1).at(EIGHTH, 1)).isEqualTo(new Point(EIGHTH, 0, 1));
    assertThat(tradeoff.sweeps().get(0).at(EIGHTH, 1)).isEqualTo(new Point(EIGHTH, 1, 0));
    assertThat(tradeoff.verdict()).endsWith(": yes");
  }

  @Test
  void without_noise_or_other_ranks_nothing_is_claimed() {
    assertThat(tradeoff(List.of(0.0), List.of(), 0.5, 0.9).verdict()).endsWith(": not measured");
    Point alone = new Point(NoiseAlone.RANK, 1, 0);
    Cell cell = new Cell(OptionalDouble.of(0.5), OptionalDouble.of(1), 1, 1, 1, 1);
    assertThat(
            new Tradeoff(List.of(NoiseAlone.RANK), List.of(1.0), List.of(), 10, Map.of(alone, cell))
                .verdict())
        .endsWith(": not measured");
  }

  @Test
  void a_place_outside_the_grid_is_refused() {
    assertThatThrownBy(
            () -> tradeoff(List.of(1.0), List.of(), 0.5, 0.5).cell(new Point(EIGHTH, 7, 0)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("not in the grid");
  }
}
