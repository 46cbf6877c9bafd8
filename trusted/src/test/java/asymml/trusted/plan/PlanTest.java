package asymml.trusted.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Graph;
import asymml.model.Node;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Placement.Untrusted;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PlanTest {
  private static final Graph CNN = Zoo.build("cnn", new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);
  private static final RankPolicy RANK = RankPolicy.parse("1/8");

  private static Plan plan(Mode mode, String... trusted) {
    return Plan.of(CNN, mode, Decomposition.PER_EXAMPLE, RANK, List.of(trusted));
  }

  @ParameterizedTest
  @EnumSource
  void every_mode_places_every_linear_layer_in_graph_order(Mode mode) {
    assertThat(plan(mode).layers().keySet()).containsExactly("conv1", "conv2", "conv3", "fc");
  }

  @Test
  void asymml_splits_all_layers_but_those_kept() {
    assertThat(plan(Mode.ASYMML, Plan.FIRST, "fc").layers())
        .containsEntry("conv1", new Trusted())
        .containsEntry("conv2", split(2))
        .containsEntry("conv3", split(4))
        .containsEntry("fc", new Trusted());
  }

  private static Split split(int rank) {
    return new Split(Decomposition.PER_EXAMPLE, new Rank.Fixed(rank));
  }

  /// The classifier reads one pixel, which has one direction.
  @Test
  void ranks_are_resolved_for_each_layer_by_its_channels_and_pixels() {
    assertThat(plan(Mode.ASYMML).layers().values())
        .containsExactly(split(2), split(2), split(4), split(1));
  }

  @Test
  void ranks_by_layer_count_trusted_layers_too() {
    Plan plan =
        Plan.of(
            CNN,
            Mode.ASYMML,
            Decomposition.SHARED,
            RankPolicy.parse("layers:0:4:0:3"),
            List.of(Plan.FIRST));
    assertThat(plan.layers().values())
        .containsExactly(
            new Trusted(),
            new Split(Decomposition.SHARED, new Rank.Fixed(4)),
            new Split(Decomposition.SHARED, Rank.NONE),
            new Split(Decomposition.SHARED, new Rank.Fixed(3)));
    assertThat(plan.sharesBases()).isTrue();
  }

  /// One input has one decomposition, and is released once.
  @Test
  void layers_that_read_one_input_take_the_rank_of_the_first_that_is_split() {
    Graph graph = Zoo.build("resnet20", new Shape(32, 32, 3), 10, Zoo.Norm.GROUP);
    int node = graph.nodes().stream().map(Node::name).toList().indexOf("layer2.0.downsample.conv");
    RankPolicy ranks =
        new RankPolicy.PerLayer(IntStream.range(0, graph.linearLayers().size()).boxed().toList());
    for (List<String> trusted : List.of(List.<String>of(), List.of("layer2.0.conv1"))) {
      Plan plan = Plan.of(graph, Mode.ASYMML, Decomposition.SHARED, ranks, trusted);
      Split shortcut = (Split) plan.placement("layer2.0.downsample.conv");
      if (trusted.isEmpty()) {
        assertThat(shortcut).isEqualTo(plan.placement("layer2.0.conv1"));
      } else {
        assertThat(shortcut.rank().most()).isEqualTo(graph.linearLayers().indexOf(node));
      }
    }
  }

  @Test
  void only_a_shared_decomposition_that_keeps_something_shares_bases() {
    assertThat(plan(Mode.ASYMML).sharesBases()).isFalse();
    assertThat(plan(Mode.DP_ONLY).sharesBases()).isFalse();
    for (String rank : List.of("4", "0", "layers:0:0:0:0", "layers:0:0:0:1")) {
      Plan plan =
          Plan.of(CNN, Mode.ASYMML, Decomposition.SHARED, RankPolicy.parse(rank), List.of());
      assertThat(plan.sharesBases()).isEqualTo(!rank.matches("0|layers:0:0:0:0"));
    }
  }

  @Test
  void dp_only_keeps_nothing_of_the_layers_that_leave() {
    assertThat(plan(Mode.DP_ONLY, Plan.FIRST).layers())
        .containsEntry("conv1", new Trusted())
        .containsEntry("conv2", new Split(Decomposition.SHARED, Rank.NONE));
  }

  @Test
  void the_baselines_place_all_layers_alike_whatever_is_kept() {
    assertThat(plan(Mode.TRUSTED_ONLY, "fc").layers().values()).containsOnly(new Trusted());
    assertThat(plan(Mode.UNTRUSTED_ONLY, "fc").layers().values()).containsOnly(new Untrusted());
    assertThat(Plan.trusted(CNN)).isEqualTo(plan(Mode.TRUSTED_ONLY));
  }

  @Test
  void only_an_all_trusted_plan_needs_no_worker() {
    assertThat(plan(Mode.TRUSTED_ONLY).needsWorker()).isFalse();
    assertThat(plan(Mode.ASYMML, "conv1", "conv2", "conv3", "fc").needsWorker()).isFalse();
    assertThat(plan(Mode.ASYMML, "conv1", "conv2", "conv3").needsWorker()).isTrue();
    assertThat(plan(Mode.UNTRUSTED_ONLY).needsWorker()).isTrue();
    assertThat(plan(Mode.DP_ONLY, Plan.FIRST).needsWorker()).isTrue();
  }

  @ParameterizedTest
  @EnumSource
  void an_unknown_trusted_layer_is_refused_with_the_names_there_are(Mode mode) {
    assertThatThrownBy(() -> plan(mode, "conv9"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("'conv9' is no linear layer of cnn; it has [conv1, conv2, conv3, fc]");
  }

  @Test
  void a_layer_that_is_not_linear_cannot_be_placed() {
    assertThatThrownBy(() -> plan(Mode.ASYMML, "relu1")).hasMessageContaining("'relu1'");
    assertThatThrownBy(() -> plan(Mode.ASYMML).placement("relu1"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("relu1");
  }

  @Test
  void a_plan_does_not_change_with_the_map_it_was_made_of() {
    Map<String, Placement> layers = new LinkedHashMap<>();
    layers.put("fc", new Trusted());
    Plan plan = new Plan(layers);
    layers.put("fc", new Untrusted());
    assertThat(plan.placement("fc")).isEqualTo(new Trusted());
    assertThatThrownBy(() -> plan.layers().clear())
        .isInstanceOf(UnsupportedOperationException.class);
  }

  @Test
  void placements_and_modes_read_as_the_command_line_writes_them() {
    assertThat(new Trusted()).hasToString("trusted");
    assertThat(new Untrusted()).hasToString("untrusted, exact");
    assertThat(new Split(Decomposition.SHARED, new Rank.Fixed(8))).hasToString("split shared 8");
    assertThat(new Split(Decomposition.PER_EXAMPLE, RankPolicy.parse("energy:0.1").resolve(2, 64)))
        .hasToString("split per-example energy:0.1 up to 32");
    assertThat(Mode.values())
        .extracting(Mode::label)
        .containsExactly("asymml", "trusted-only", "untrusted-only", "dp-only");
  }
}
