package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.Ledger;
import asymml.privacy.Sampling;
import asymml.session.TrainingSpec;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.DataFlow;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.Shield;
import asymml.trusted.train.TrainConfig;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Ledgers of runs on a network two of whose shortcuts read what another layer reads as well: the
/// noise of an input stands under the name of its first reader.
class ReleasedNoiseTest {
  private static final Graph RESIDUAL = graph("resnet20");
  private static final TrainingSpec GROUP = TrainingSpec.defaults().withNorm(Zoo.Norm.GROUP);
  private static final TrainingSpec BUDGET =
      GROUP.withProtection(new Epsilon(8), Channel.RESIDUALS);
  private static final Channel[] ALL = {Channel.RESIDUALS, Channel.GRADIENTS, Channel.WEIGHTS};

  private static Graph graph(String model) {
    return Zoo.build(model, new Shape(32, 32, 3), 10, Zoo.Norm.GROUP);
  }

  private static Plan plan(Graph graph, TrainConfig config) {
    return Plan.of(
        graph, config.mode(), config.decomposition(), config.rank(), config.trustedLayers());
  }

  /// What a run releases that resolved its noise to some strength.
  private static Ledger ledger(Graph graph, TrainConfig config, NoiseStrength noise) {
    Plan plan = plan(graph, config);
    Map<Channel, Map<String, ClipNorm>> bounds = new EnumMap<>(Channel.class);
    for (Channel channel : Channel.values()) {
      Map<String, ClipNorm> own = new LinkedHashMap<>();
      new DataFlow(graph, plan, config.shield())
          .layers()
          .forEach(layer -> own.put(layer.name(), new ClipNorm(3 + layer.node())));
      bounds.put(channel, own);
    }
    ReleasePlan releases =
        new ReleasePlan(
            graph,
            plan,
            new ReleaseTerms.Accounted(
                noise,
                config.privacy().protect(),
                Basis.PUBLIC,
                new ReleaseTerms.Bounds(bounds),
                config.shield()));
    return new Ledger(
        new Sampling.Shuffled(64, 16),
        new Delta(1e-5),
        List.of(new Ledger.Entry(releases.releases(true), 4)),
        releases.workers());
  }

  private static ReleasedNoise noise(Graph graph, TrainConfig config, @Nullable Ledger ledger) {
    return new ReleasedNoise(graph, plan(graph, config), config, ledger);
  }

  /// The layers at workers.
  private static List<DataFlow.Layer> remote(Graph graph, TrainConfig config) {
    return new DataFlow(graph, plan(graph, config), config.shield())
        .layers().stream().filter(DataFlow.Layer::isRemote).toList();
  }

  private static int values(Graph graph, int node) {
    return graph.inputShape(node).size();
  }

  private static int node(Graph graph, String name) {
    return graph.linearLayers().stream()
        .filter(i -> graph.nodes().get(i).name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  @ParameterizedTest
  @EnumSource(
      value = Decomposition.class,
      names = {"SHARED", "PER_EXAMPLE"})
  void every_layer_has_the_noise_that_a_target_epsilon_came_to(Decomposition decomposition) {
    TrainConfig config = BUDGET.training().withDecomposition(decomposition);
    assertThat(config.noise()).isEqualTo(new NoiseStrength.None());
    ReleasedNoise noise =
        noise(RESIDUAL, config, ledger(RESIDUAL, config, new NoiseStrength.Multiplier(0.7)));
    List<DataFlow.Layer> layers = remote(RESIDUAL, config);
    assertThat(layers).hasSizeGreaterThan(15);
    for (DataFlow.Layer layer : layers) {
      int values = values(RESIDUAL, layer.node());
      assertThat(noise.ratio(layer.node(), values))
          .as(layer.name())
          .isCloseTo(0.7 * Math.sqrt(values), within(1e-12));
    }
  }

  @Test
  void a_layer_that_reads_what_another_reads_has_its_noise() {
    TrainConfig config = BUDGET.training();
    List<DataFlow.Layer> second =
        remote(RESIDUAL, config).stream()
            .filter(layer -> layer.input() != null && !layer.name().equals(layer.input().name()))
            .toList();
    assertThat(second).hasSize(2);
    Ledger ledger = ledger(RESIDUAL, config, new NoiseStrength.Multiplier(2));
    for (DataFlow.Layer layer : second) {
      assertThat(ledger.entries().getFirst().releases())
          .filteredOn(release -> release.channel() == Channel.RESIDUALS)
          .noneMatch(release -> release.layer().equals(layer.name()));
      assertThat(noise(RESIDUAL, config, ledger).ratio(layer.node(), 100))
          .isCloseTo(20, within(1e-12));
    }
  }

  @ParameterizedTest
  @CsvSource({"0.25, 0.25", "2.5, 2.5"})
  void a_multiplier_that_was_given_is_the_one_of_the_ledger(double given, double expected) {
    TrainConfig config =
        GROUP
            .withProtection(null, Channel.RESIDUALS)
            .withNoise(new NoiseStrength.Multiplier(given))
            .training();
    assertThat(
            noise(RESIDUAL, config, ledger(RESIDUAL, config, config.noise()))
                .ratio(remote(RESIDUAL, config).getFirst().node(), 16))
        .isCloseTo(4 * expected, within(1e-12));
  }

  /// Ten times the multiplier where noise on weight gradients takes the budget.
  @Test
  void masks_have_the_noise_of_the_ledger_and_not_that_of_the_settings() {
    TrainConfig config =
        GROUP
            .withShield(new Shield.Shares(1))
            .withProtection(null, ALL)
            .withNoise(new NoiseStrength.Multiplier(3))
            .training();
    ReleasedNoise noise = noise(RESIDUAL, config, ledger(RESIDUAL, config, config.noise()));
    for (DataFlow.Layer layer : remote(RESIDUAL, config)) {
      assertThat(noise.ratio(layer.node(), 64)).as(layer.name()).isCloseTo(240, within(1e-9));
    }
  }

  @Test
  void masks_that_a_target_epsilon_came_to_are_in_the_ledger_alone() {
    TrainConfig config =
        GROUP
            .withShield(new Shield.Shares(1))
            .withProtection(new Epsilon(8), Channel.GRADIENTS)
            .training();
    assertThat(config.noise()).isEqualTo(new NoiseStrength.None());
    int conv2 = remote(RESIDUAL, config).getFirst().node();
    assertThat(
            noise(RESIDUAL, config, ledger(RESIDUAL, config, new NoiseStrength.Multiplier(1.5)))
                .ratio(conv2, 4))
        .isCloseTo(3, within(1e-12));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 13, 4096})
  void a_run_that_accounts_for_nothing_has_the_noise_of_its_settings(int values) {
    TrainConfig ratio = GROUP.withNoise(new NoiseStrength.Ratio(0.3)).training();
    int node = remote(RESIDUAL, ratio).getFirst().node();
    assertThat(noise(RESIDUAL, ratio, null).ratio(node, values)).isCloseTo(0.3, within(1e-12));
    TrainConfig multiplier = ratio.withNoise(new NoiseStrength.Multiplier(0.5));
    assertThat(noise(RESIDUAL, multiplier, null).ratio(node, values))
        .isCloseTo(0.5 * Math.sqrt(values), within(1e-12));
    TrainConfig none = ratio.withNoise(new NoiseStrength.None());
    assertThat(noise(RESIDUAL, none, null).ratio(node, values)).isZero();
  }

  @Test
  void noise_alone_is_found_as_well() {
    TrainConfig config = BUDGET.training().withMode(Mode.DP_ONLY);
    assertThat(
            noise(RESIDUAL, config, ledger(RESIDUAL, config, new NoiseStrength.Multiplier(0.5)))
                .ratio(remote(RESIDUAL, config).getLast().node(), 4))
        .isCloseTo(1, within(1e-12));
  }

  @Test
  void a_run_that_is_accounted_for_needs_its_ledger() {
    TrainConfig config = BUDGET.training();
    assertThatThrownBy(() -> noise(RESIDUAL, config, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "the run is accounted for and its directory has no ledger, which states its noise");
  }

  @Test
  void a_ledger_of_another_network_is_told() {
    TrainConfig config = BUDGET.training();
    Graph other = graph("cnn");
    ReleasedNoise noise =
        noise(RESIDUAL, config, ledger(other, config, new NoiseStrength.Multiplier(1)));
    DataFlow.Layer layer = remote(RESIDUAL, config).getLast();
    assertThatThrownBy(() -> noise.ratio(layer.node(), 4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("the ledger has no noise on the input of ")
        .hasMessageEndingWith(": it is of another run");
  }

  @Test
  void a_ledger_without_noise_on_residuals_is_told() {
    TrainConfig plain = GROUP.withRank(new RankPolicy.Fixed(2)).training();
    Ledger uncovered =
        new Ledger(
            new Sampling.Shuffled(64, 16),
            new Delta(1e-5),
            List.of(
                new Ledger.Entry(
                    new ReleasePlan(
                            RESIDUAL,
                            plan(RESIDUAL, plain),
                            new ReleaseTerms.Unaccounted(plain.noise(), "a test"))
                        .releases(true),
                    4)));
    TrainConfig config = BUDGET.training();
    int node = remote(RESIDUAL, config).getFirst().node();
    assertThatThrownBy(() -> noise(RESIDUAL, config, uncovered).ratio(node, 4))
        .hasMessageContaining("it is of another run");
  }

  @Test
  void a_layer_that_is_computed_here_has_no_noise() {
    TrainConfig config = GROUP.training();
    Graph graph = graph("cnn");
    int conv1 = node(graph, "conv1");
    assertThatThrownBy(() -> noise(graph, config, null).ratio(conv1, 4))
        .hasMessage("no input of conv1 is released: it is computed here");
  }
}
