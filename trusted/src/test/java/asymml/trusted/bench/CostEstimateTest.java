package asymml.trusted.bench;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CostEstimateTest {
  private static final Shield RESIDUAL = new Shield.Residual();
  private static final Shield SHARES = new Shield.Shares(1);

  private static Graph graph(String model) {
    return Zoo.build(model, new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);
  }

  private static Plan plan(Graph graph, String rank) {
    return Plan.of(
        graph,
        Mode.ASYMML,
        Decomposition.SHARED,
        RankPolicy.parse(rank),
        List.of(Plan.FIRST, Plan.LAST));
  }

  /// Measured processor times, in milliseconds, are those of `docs/results-history.md`.
  @ParameterizedTest
  @CsvSource({
    "vgg16, 32, 171, 574",
    "resnet18, 32, 328, 978",
    "resnet20, 128, 398, 342",
  })
  void the_range_holds_what_was_measured(String model, int batch, double split, double whole) {
    Graph graph = graph(model);
    CostEstimate estimate = CostEstimate.of(graph, batch, RESIDUAL, plan(graph, "schedule:2:32"));
    assertThat(split / whole).isBetween(estimate.least(), estimate.most());
  }

  @Test
  void the_range_of_two_workers_holds_what_was_measured() {
    Graph graph = graph("vgg16");
    CostEstimate estimate = CostEstimate.of(graph, 32, SHARES, plan(graph, "0"));
    assertThat(253.0 / 440).isBetween(estimate.least(), estimate.most());
  }

  @Test
  void a_narrow_network_costs_more_at_the_ranks_of_the_paper_and_a_wide_one_less() {
    Graph narrow = graph("resnet20");
    assertThat(CostEstimate.of(narrow, 128, RESIDUAL, plan(narrow, "schedule:2:32")).costsMore())
        .isTrue();
    Graph wide = graph("vgg16");
    assertThat(CostEstimate.of(wide, 32, RESIDUAL, plan(wide, "schedule:2:32")).costsMore())
        .isFalse();
  }
}
