package asymml.trusted.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Placement.Untrusted;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class RankTest {
  @ParameterizedTest
  @CsvSource({"0, 5, 0", "4, 5, 4", "5, 5, 5", "6, 5, 5", "2147483647, 1, 1"})
  void a_limit_holds_for_numbers_and_for_shares_of_energy(int most, int limit, int expected) {
    assertThat(new Rank.Fixed(most).atMost(limit)).isEqualTo(new Rank.Fixed(expected));
    if (most > 0) {
      assertThat(new Rank.Energy(0.25, most).atMost(limit))
          .isEqualTo(new Rank.Energy(0.25, expected));
    }
  }

  @Test
  void only_a_rank_by_energy_follows_the_data() {
    assertThat(new Rank.Fixed(7).residualShare()).isZero();
    assertThat(Rank.NONE.residualShare()).isZero();
    assertThat(new Rank.Energy(0.125, 3).residualShare()).isEqualTo(0.125);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 1, -0.5, Double.NaN, Double.POSITIVE_INFINITY})
  void a_share_of_energy_that_is_none_is_refused(double share) {
    assertThatThrownBy(() -> new Rank.Energy(share, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a share in (0, 1)");
  }

  @Test
  void a_rank_below_what_can_be_kept_is_refused() {
    assertThatThrownBy(() -> new Rank.Fixed(-1)).hasMessage("rank must be at least 0: -1");
    assertThatThrownBy(() -> new Rank.Energy(0.5, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("0.5, 0");
    assertThat(new Rank.Energy(1e-7, 3)).hasToString("energy:0.0000001 up to 3");
  }

  @Test
  void a_split_of_rank_0_keeps_nothing_in_either_decomposition() {
    for (Decomposition decomposition : Decomposition.values()) {
      Split nothing = new Split(decomposition, Rank.NONE);
      assertThat(nothing.keepsPart()).isFalse();
      assertThat(nothing.sharesBasis()).isFalse();
      for (Rank rank : List.of(new Rank.Fixed(1), new Rank.Energy(0.1, 1))) {
        Split some = new Split(decomposition, rank);
        assertThat(some.keepsPart()).isTrue();
        assertThat(some.sharesBasis()).isEqualTo(decomposition == Decomposition.SHARED);
      }
    }
    assertThat(new Trusted().needsWorker()).isFalse();
    assertThat(new Untrusted().needsWorker()).isTrue();
    assertThat(new Split(Decomposition.SHARED, Rank.NONE).needsWorker()).isTrue();
  }

  /// Ranks of a plan never exceed what an input has, whatever is asked for.
  @ParameterizedTest
  @EnumSource
  void plans_resolve_ranks_within_channels_and_pixels(Decomposition decomposition) {
    for (String model : List.of("cnn", "resnet20", "vgg11")) {
      Graph graph = Zoo.build(model, new Shape(32, 32, 3), 10, Zoo.Norm.GROUP);
      for (String text :
          List.of("0", "7", "999999", "1/8", "1/1", "schedule", "energy:0.1", "layers:0:9:0:99")) {
        RankPolicy policy = RankPolicy.parse(text);
        Plan plan = Plan.of(graph, Mode.ASYMML, decomposition, policy, List.of(Plan.FIRST));
        Map<Integer, Rank> bySource = new HashMap<>();
        int place = 0;
        for (int i : graph.linearLayers()) {
          String name = graph.nodes().get(i).name();
          if (plan.placement(name) instanceof Split(var own, var rank)) {
            assertThat(own).isEqualTo(decomposition);
            Shape input = graph.inputShape(i);
            int pixels = decomposition == Decomposition.SHARED ? Integer.MAX_VALUE : input.pixels();
            Rank asked = policy.resolve(place, input.channels()).atMost(pixels);
            // Of several readers of one input the first that is split decides.
            Rank expected =
                bySource.computeIfAbsent(graph.nodes().get(i).inputs().getFirst(), _ -> asked);
            assertThat(rank).as("%s of %s, %s", name, model, text).isEqualTo(expected);
            assertThat(rank.most()).isBetween(0, Math.min(input.channels(), pixels));
          }
          place++;
        }
        assertThat(bySource).isNotEmpty();
      }
    }
  }

  @Test
  void a_plan_that_needs_a_worker_says_for_which_layer() {
    Graph graph = Zoo.build("cnn", new Shape(8, 8, 3), 3, Zoo.Norm.GROUP);
    Plan.trusted(graph).requireTrusted();
    Plan plan =
        Plan.of(
            graph,
            Mode.ASYMML,
            Decomposition.SHARED,
            RankPolicy.parse("2"),
            List.of("conv1", "conv3", Plan.LAST));
    assertThatThrownBy(plan::requireTrusted)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("layer conv2 is split shared 2, which needs a worker");
  }
}
