package asymml.trusted.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer.Add;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Linear;
import asymml.model.Shape;
import asymml.trusted.bench.Planner.Choice;
import asymml.trusted.bench.Planner.Cost;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class PlannerTest {
  /// `left` and `right` read one input.
  private static Graph graph() {
    GraphBuilder b = new GraphBuilder(new Shape(4, 4, 3));
    int start = b.add("first", new Conv2d(8, 3, 1, 1));
    int left = b.add("left", new Conv2d(8, 3, 1, 1), start);
    int right = b.add("right", new Conv2d(8, 1, 1, 0), start);
    b.add("sum", new Add(), left, right);
    b.add("late", new Conv2d(8, 3, 1, 1));
    b.add("flatten", new Flatten());
    b.add("fc", new Linear(2));
    return b.build("small");
  }

  private final Map<String, Cost> costs = new HashMap<>();
  private final Map<String, NavigableMap<Integer, Double>> shares = new HashMap<>();

  PlannerTest() {
    costs.put("first", new Cost(1, 9, 9));
    costs.put("left", new Cost(10, 2, 0.5));
    costs.put("right", new Cost(1, 0.5, 0.5));
    costs.put("late", new Cost(3, 2, 0.5));
    costs.put("fc", new Cost(0.1, 1, 1));
    shares.put("left", new TreeMap<>(Map.of(0, 1.0, 1, 0.5, 2, 0.1, 4, 0.02)));
    shares.put("late", new TreeMap<>(Map.of(0, 1.0, 1, 0.05)));
  }

  private List<Choice> choose(double energy) {
    return new Planner(graph(), energy, Set.of("first", "fc")).choose(costs, shares);
  }

  private static Choice of(List<Choice> choices, String layer) {
    return choices.stream().filter(c -> c.layer().equals(layer)).findFirst().orElseThrow();
  }

  @Test
  void the_smallest_rank_inside_the_energy_bound_is_taken_where_it_is_cheaper() {
    List<Choice> choices = choose(0.1);
    assertThat(choices.stream().map(Choice::layer))
        .containsExactly("first", "left", "right", "late", "fc");
    assertThat(of(choices, "left").rank()).isEqualTo(2);
    assertThat(of(choices, "left").energyLeft()).isEqualTo(0.1);
    assertThat(of(choices, "left").millis()).isEqualTo(3);
    assertThat(of(choices, "late").rank()).isEqualTo(1);
    assertThat(Planner.ranks(choices)).hasToString("layers:0:2:2:1:0");
    assertThat(Planner.trusted(choices)).containsExactly("first", "fc");
  }

  @Test
  void readers_of_one_input_are_decided_together() {
    // By itself "right" costs more split (1.5) than trusted (1).
    List<Choice> choices = choose(0.1);
    assertThat(of(choices, "right").split()).isTrue();
    costs.put("left", new Cost(2, 2, 0.5));
    choices = choose(0.1);
    assertThat(of(choices, "left").split()).isFalse();
    assertThat(of(choices, "right").split()).isFalse();
    assertThat(of(choices, "right").reason()).isEqualTo("more expensive to split");
    assertThat(of(choices, "right").millis()).isEqualTo(1);
  }

  @Test
  void what_leaves_too_much_energy_at_every_rank_stays_trusted() {
    List<Choice> choices = choose(0.01);
    assertThat(choices).noneMatch(Choice::split);
    assertThat(of(choices, "left").reason()).isEqualTo("too much energy left");
    assertThat(of(choices, "left").splitMillis()).isNaN();
    assertThat(of(choices, "first").reason()).isEqualTo("trusted by choice");
  }

  @Test
  void the_cost_is_the_line_through_two_measurements_and_never_falls() {
    Cost cost = Cost.between(10, 2, 3, 8, 6);
    assertThat(cost.split(2)).isCloseTo(3, within(1e-12));
    assertThat(cost.split(8)).isCloseTo(6, within(1e-12));
    Cost noisy = Cost.between(10, 2, 5, 8, 4);
    assertThat(noisy.split(2)).isEqualTo(noisy.split(100)).isCloseTo(4.5, within(1e-12));
    assertThat(Cost.between(10, 2, 5, 2, 6).split(2)).isEqualTo(6);
  }

  @Test
  void what_was_not_measured_is_refused() {
    shares.remove("late");
    assertThatThrownBy(() -> choose(0.1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("late");
    assertThatThrownBy(() -> new Planner(graph(), 1, Set.of()))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
