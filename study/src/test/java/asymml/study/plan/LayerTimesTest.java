package asymml.study.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.bench.Planner.Cost;
import asymml.trusted.plan.RankPolicy;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class LayerTimesTest {
  private static final Graph GRAPH = Zoo.build("cnn", new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);

  /// The same time at each node.
  private static LayerTimes times(double each, double rest) {
    return new LayerTimes(Collections.nCopies(GRAPH.nodes().size(), each), rest);
  }

  @Test
  void the_total_is_nodes_and_rest() {
    assertThat(times(2, 5).total()).isEqualTo(2 * GRAPH.nodes().size() + 5, within(1e-9));
  }

  @Test
  void costs_at_other_ranks_lie_on_a_line_through_two() {
    Map<String, Cost> costs =
        LayerTimes.costs(
            GRAPH,
            times(10, 0),
            new LayerTimes.AtRank(new RankPolicy.Fixed(2), times(4, 0)),
            new LayerTimes.AtRank(new RankPolicy.Fixed(6), times(8, 0)));
    assertThat(costs.keySet())
        .containsExactlyInAnyOrderElementsOf(
            GRAPH.linearLayers().stream().map(i -> GRAPH.nodes().get(i).name()).toList());
    Cost conv2 = Objects.requireNonNull(costs.get("conv2"));
    assertThat(conv2.trustedMillis()).isEqualTo(10);
    assertThat(conv2.split(2)).isEqualTo(4, within(1e-9));
    assertThat(conv2.split(4)).isEqualTo(6, within(1e-9));
    assertThat(conv2.split(6)).isEqualTo(8, within(1e-9));
  }

  @Test
  void a_rank_is_no_more_than_the_channels() {
    // conv1 reads 3 channels: both are rank 3, and there is no line.
    Map<String, Cost> costs =
        LayerTimes.costs(
            GRAPH,
            times(10, 0),
            new LayerTimes.AtRank(new RankPolicy.Fixed(4), times(4, 0)),
            new LayerTimes.AtRank(new RankPolicy.Fixed(6), times(8, 0)));
    assertThat(Objects.requireNonNull(costs.get("conv1")).millisPerDirection()).isZero();
    assertThat(Objects.requireNonNull(costs.get("conv2")).millisPerDirection()).isPositive();
  }

  @Test
  void what_lies_between_linear_layers_is_the_mean_of_all_timings() {
    List<Double> onlyLinear =
        IntStream.range(0, GRAPH.nodes().size())
            .mapToObj(i -> GRAPH.linearLayers().contains(i) ? 100.0 : 1.0)
            .toList();
    int others = GRAPH.nodes().size() - GRAPH.linearLayers().size();
    assertThat(LayerTimes.between(GRAPH, new LayerTimes(onlyLinear, 4), times(3, 2)))
        .isEqualTo((others + 4 + 3 * others + 2) / 2.0, within(1e-9));
  }
}
