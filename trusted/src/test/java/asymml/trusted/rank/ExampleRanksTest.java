package asymml.trusted.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Initializer;
import asymml.model.Layer;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.trusted.ops.Parameters;
import asymml.trusted.passes.LayerPass;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.rank.RankBounds.Check;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// One example's ranks in a network that has every kind of layer, and the ranks it is looked at.
class ExampleRanksTest {
  private static final int BATCH = 3;
  private static final float EPSILON = 1e-3f;
  private static final Graph GRAPH = graph();
  private static final Map<String, Integer> NODES =
      IntStream.range(0, GRAPH.nodes().size())
          .boxed()
          .collect(Collectors.toMap(i -> GRAPH.nodes().get(i).name(), i -> i));

  private final Arena arena = Arena.ofShared();
  private final SplittableRandom random = Known.seeded(64);
  private Parameters parameters;
  private LayerPass pass;

  /// No ReLU follows a normalisation or an addition, so that each output is seen by itself.
  private static Graph graph() {
    GraphBuilder b = new GraphBuilder(new Shape(8, 6, 3));
    int conv = b.add("conv", new Layer.Conv2d(6, 3, 1, 1));
    int other = b.add("strided", new Layer.Conv2d(6, 3, 1, 1), conv);
    int sum = b.add("sum", new Layer.Add(), conv, other);
    b.add("group", new Layer.GroupNorm(2, EPSILON), sum);
    b.add("batch", new Layer.BatchNorm(EPSILON, 0.5f));
    b.add("average", new Layer.AvgPool(3, 2, 1));
    b.add("relu", new Layer.Relu());
    b.add("max", new Layer.MaxPool(2, 1, 0));
    b.add("dropout", new Layer.Dropout(0.5f));
    b.add("standardised", new Layer.Conv2d(8, 1, 1, 0, true));
    b.add("global", new Layer.GlobalAvgPool());
    b.add("flat", new Layer.Flatten());
    b.add("fc", new Layer.Linear(4));
    return b.build("all layers");
  }

  @BeforeEach
  void run() {
    parameters = new Parameters(GRAPH, new Initializer(64), false);
    for (Parameter p : parameters.all()) {
      if (!p.kind().weight()) {
        Tensor value = parameters.value(p.name());
        for (long i = 0; i < value.size(); i++) {
          value.set(i, (float) random.nextDouble(0.5, 1.5));
        }
      }
    }
    Tensor images = Tensor.allocate(arena, BATCH, 8, 6, 3);
    for (long i = 0; i < images.size(); i++) {
      images.set(i, (float) random.nextGaussian());
    }
    pass = new LayerPass(GRAPH, parameters, images, new int[] {3, 0, 1}, 0.1f, 1);
  }

  @AfterEach
  void free() {
    pass.close();
    parameters.close();
    arena.close();
  }

  private static int node(String name) {
    return Objects.requireNonNull(NODES.get(name));
  }

  private RankPlan plan(String policy, Decomposition how) {
    return new RankPlan(GRAPH, pass, RankPolicy.parse(policy), how);
  }

  private ExampleRanks ranks(String policy, int example) {
    return ExampleRanks.of(GRAPH, pass, plan(policy, Decomposition.SHARED), example);
  }

  private static Check check(ExampleRanks ranks, String name) {
    return Objects.requireNonNull(ranks.check(node(name)));
  }

  private static double effective(double[] s) {
    double sum = 0;
    double squares = 0;
    for (double value : s) {
      sum += value;
      squares += value * value;
    }
    return sum * sum / squares;
  }

  @Test
  void spectra_of_linear_layers_are_those_of_a_slow_oracle() {
    for (int example = 0; example < BATCH; example++) {
      ExampleRanks ranks = ranks("2", example);
      for (int node : GRAPH.linearLayers()) {
        int source = GRAPH.nodes().get(node).inputs().getFirst();
        assertSpectrum(ranks.input(node), pass.output(source), example);
        assertSpectrum(ranks.output(node), pass.output(node), example);
        assertSpectrum(ranks.gradient(node), pass.gradient(node), example);
      }
    }
  }

  private static void assertSpectrum(Spectrum spectrum, Tensor batch, int example) {
    double[] expected = Known.jacobi(ExactSvd.matrix(batch, example));
    assertThat(spectrum.size()).isEqualTo(expected.length);
    double norm = Math.sqrt(spectrum.energy());
    for (int j = 0; j < expected.length; j++) {
      assertThat(Math.sqrt(Math.max(0, spectrum.energyFrom(j) - spectrum.energyFrom(j + 1))))
          .isCloseTo(expected[j], within(1e-7 * norm));
    }
  }

  @Test
  void a_layer_that_is_not_linear_has_no_spectra() {
    ExampleRanks ranks = ranks("2", 0);
    int relu = node("relu");
    assertThatThrownBy(() -> ranks.input(relu))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("node " + relu + " is not linear");
    assertThatThrownBy(() -> ranks.output(relu)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> ranks.gradient(99)).isInstanceOf(IllegalArgumentException.class);
  }

  /// Each from its theorem: an addition has both ranks, a normalisation one direction more.
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void bounds_follow_from_the_rank_kept_and_hold(int rank) {
    for (int example = 0; example < BATCH; example++) {
      ExampleRanks ranks = ranks(Integer.toString(rank), example);
      assertThat(check(ranks, "sum").bound()).isEqualTo(2 * rank);
      assertThat(check(ranks, "group").bound()).isEqualTo(rank + 1);
      assertThat(check(ranks, "batch").bound()).isEqualTo(rank + 1);
      assertThat(check(ranks, "average").bound()).isEqualTo(rank);
      // One pixel only.
      assertThat(check(ranks, "fc").bound()).isEqualTo(1);
      assertThat(check(ranks, "standardised").bound()).isLessThanOrEqualTo(rank);
      assertThat(check(ranks, "conv").bound()).isLessThanOrEqualTo(Math.min(6, 9 * rank));
      for (int node = 0; node < GRAPH.nodes().size(); node++) {
        Check check = ranks.check(node);
        assertThat(check == null || check.holds()).as(GRAPH.nodes().get(node).name()).isTrue();
      }
      // Random maps reach what is allowed.
      assertThat(check(ranks, "sum").measured()).isEqualTo(Math.min(6, 2 * rank));
      assertThat(check(ranks, "average").measured()).isEqualTo(rank);
      assertThat(check(ranks, "batch").measured()).isEqualTo(rank + 1);
    }
  }

  @Test
  void layers_without_an_algebraic_bound_are_not_checked() {
    ExampleRanks ranks = ranks("2", 0);
    for (String name : List.of("relu", "max", "dropout", "flat")) {
      assertThat(ranks.check(node(name))).as(name).isNull();
    }
  }

  /// With every direction kept, the low-rank part is the input itself, and what is checked must be
  /// what the network has computed. Only batch norm differs: it is checked at running statistics.
  @Test
  void at_full_rank_a_check_sees_what_the_network_has_computed() {
    for (int example = 0; example < BATCH; example++) {
      ExampleRanks ranks = ranks("8", example);
      for (String name :
          List.of("conv", "strided", "sum", "group", "average", "standardised", "global", "fc")) {
        double[] s = Known.jacobi(ExactSvd.matrix(pass.output(node(name)), example));
        assertThat(check(ranks, name).effective())
            .as(name)
            .isCloseTo(effective(s), within(1e-4 * effective(s)));
      }
    }
  }

  @Test
  void at_full_rank_batch_norm_is_checked_at_the_running_statistics() {
    int node = node("batch");
    double[][] x = ExactSvd.matrix(pass.output(node("group")), 1);
    for (double[] row : x) {
      for (int c = 0; c < 6; c++) {
        double deviation = Math.sqrt(pass.parameter(node, "running_var").get(c) + (double) EPSILON);
        row[c] =
            pass.parameter(node, "weight").get(c)
                    * (row[c] - pass.parameter(node, "running_mean").get(c))
                    / deviation
                + pass.parameter(node, "bias").get(c);
      }
    }
    double expected = effective(Known.jacobi(x));
    assertThat(check(ranks("8", 1), "batch").effective())
        .isCloseTo(expected, within(1e-6 * expected));
  }

  @Test
  void with_nothing_kept_a_linear_layer_has_nothing_and_others_are_not_checked() {
    ExampleRanks ranks = ranks("0", 0);
    for (int node = 0; node < GRAPH.nodes().size(); node++) {
      Node it = GRAPH.nodes().get(node);
      assertThat(ranks.check(node))
          .as(it.name())
          .isEqualTo(it.layer() instanceof Layer.LinearLayer ? new Check(0, 0, 0, 0) : null);
    }
    assertThat(ranks.input(node("conv")).size()).isEqualTo(3);
  }

  @Test
  void a_plan_has_the_rank_of_linear_layers_and_of_others_that_of_the_next_one() {
    RankPlan plan = plan("layers:1:2:3:4", Decomposition.SHARED);
    Map<String, Integer> expected =
        Map.of(
            "conv",
            1,
            "strided",
            2,
            "sum",
            3,
            "batch",
            3,
            "average",
            3,
            "standardised",
            3,
            "global",
            4,
            "fc",
            4);
    expected.forEach((name, rank) -> assertThat(plan.rank(node(name))).as(name).isEqualTo(rank));
    // As many as there are channels, at most: 3 in the images, 6 behind them.
    RankPlan all = plan("99", Decomposition.SHARED);
    assertThat(all.rank(node("conv"))).isEqualTo(3);
    assertThat(all.rank(node("sum"))).isEqualTo(6);
    assertThat(all.rank(node("fc"))).isEqualTo(8);
    assertThat(all.rank(99)).isZero();
  }

  @Test
  void what_comes_behind_the_last_linear_layer_has_its_rank() {
    GraphBuilder b = new GraphBuilder(new Shape(4, 4, 3));
    b.add("conv", new Layer.Conv2d(5, 3, 1, 1));
    b.add("global", new Layer.GlobalAvgPool());
    Graph graph = b.build("ends in a pool");
    Tensor images = Tensor.allocate(arena, 2, 4, 4, 3);
    images.fill(1);
    try (Parameters own = new Parameters(graph, new Initializer(1), false);
        LayerPass run = new LayerPass(graph, own, images, new int[] {0, 4}, 0, 1)) {
      RankPlan plan =
          new RankPlan(graph, run, RankPolicy.parse("layers:3:9"), Decomposition.SHARED);
      assertThat(plan.rank(0)).isEqualTo(3);
      assertThat(plan.rank(1)).isEqualTo(3);
    }
  }

  @Test
  void a_rank_by_energy_is_what_the_plans_decomposition_finds_in_the_batch() {
    for (Decomposition how : Decomposition.values()) {
      RankPlan plan = plan("energy:0.2:1/1", how);
      int layer = 0;
      for (int node : GRAPH.linearLayers()) {
        Tensor x = pass.output(GRAPH.nodes().get(node).inputs().getFirst());
        int rank = plan.rank(node);
        assertThat(rank)
            .isEqualTo(
                EnergyShares.rank(
                    x, layer, RankPolicy.parse("energy:0.2:1/1").resolve(layer, x.length(3)), how));
        assertThat(rank).isBetween(0, x.length(3));
        layer++;
      }
    }
  }

  /// `[O][kH kW C]`, standardised where the layer standardises.
  @Test
  void weights_are_what_the_layers_multiply_with() {
    RankPlan plan = plan("1", Decomposition.SHARED);
    double[][] conv = plan.weights(node("conv"));
    assertThat(conv).hasDimensions(6, 27);
    assertThat(conv[5][26]).isEqualTo(parameters.value("conv.weight").get(6 * 27 - 1));
    assertThat(conv[2][1]).isEqualTo(parameters.value("conv.weight").get(2 * 27 + 1));
    for (double[] filter : plan.weights(node("standardised"))) {
      assertThat(Arrays.stream(filter).sum()).isCloseTo(0, within(1e-6));
      assertThat(Dense.norm(new double[][] {filter})).isCloseTo(1, within(1e-6));
    }
    assertThatThrownBy(() -> plan.weights(node("relu")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("node %d is not linear", node("relu"));
  }
}
