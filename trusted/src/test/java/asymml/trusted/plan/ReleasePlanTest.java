package asymml.trusted.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Graph;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Placement.Untrusted;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// What is planned to leave, derived here a second time, from the graph and the placements.
class ReleasePlanTest {
  private static final RankPolicy RANK = RankPolicy.parse("1/8");

  private static Graph graph(String model) {
    return Zoo.build(model, new Shape(32, 32, 3), 10, Zoo.Norm.GROUP);
  }

  /// Every network in every mode, under all terms that the mode has.
  static Stream<Arguments> plans() {
    return Stream.of("cnn", "resnet20", "vgg11").flatMap(ReleasePlanTest::plansOf);
  }

  private static Stream<Arguments> plansOf(String model) {
    Graph graph = graph(model);
    return Stream.of(
            Plan.of(graph, Mode.ASYMML, Decomposition.SHARED, RANK, List.of()),
            Plan.of(graph, Mode.ASYMML, Decomposition.SHARED, RANK, List.of("first", "last")),
            Plan.of(graph, Mode.ASYMML, Decomposition.PER_EXAMPLE, RANK, List.of("first")),
            Plan.of(graph, Mode.DP_ONLY, Decomposition.SHARED, RANK, List.of("first")),
            Plan.of(graph, Mode.UNTRUSTED_ONLY, Decomposition.SHARED, RANK, List.of()),
            Plan.trusted(graph))
        .flatMap(plan ->
            Terms.all(graph)
                .filter(terms ->
                    terms instanceof ReleaseTerms.Unaccounted
                        || !plan.layers().containsValue(new Untrusted()))
                .map(terms -> Arguments.of(graph, plan, terms)));
  }

  private static boolean covers(ReleaseTerms terms, Channel channel) {
    return terms instanceof ReleaseTerms.Accounted accounted
        && accounted.channels().contains(channel);
  }

  private static boolean isGaussian(Release release) {
    return release.mechanism() instanceof Release.Gaussian;
  }

  private static List<Release> of(
      List<Release> releases, Channel channel, Predicate<Release> which) {
    return releases.stream().filter(r -> r.channel() == channel).filter(which).toList();
  }

  private static Stream<Node> atWorker(Graph graph, Plan plan) {
    return graph.linearLayers().stream()
        .map(i -> graph.nodes().get(i))
        .filter(node -> !(plan.placement(node.name()) instanceof Trusted));
  }

  @ParameterizedTest
  @MethodSource("plans")
  void an_input_leaves_once_however_many_layers_read_it(
      Graph graph, Plan plan, ReleaseTerms terms) {
    List<Release> residuals =
        of(new ReleasePlan(graph, plan, terms).releases(true), Channel.RESIDUALS, _ -> true);
    // All layers at the worker have the same placement in these plans.
    Map<Integer, String> readers = new HashMap<>();
    atWorker(graph, plan).forEach(n -> readers.putIfAbsent(n.inputs().getFirst(), n.name()));
    assertThat(residuals).hasSize(readers.size());
    readers.forEach((source, name) ->
        assertThat(residuals)
            .anySatisfy(release -> {
              assertThat(release.layer()).isEqualTo(name);
              assertThat(release.values()).isEqualTo(graph.shape(source).size());
            }));
    assertThat(residuals)
        .allMatch(release -> isGaussian(release) == terms instanceof ReleaseTerms.Accounted);
  }

  @ParameterizedTest
  @MethodSource("plans")
  void a_layer_at_the_worker_sends_weights_and_a_gradient_and_a_trusted_one_neither(
      Graph graph, Plan plan, ReleaseTerms terms) {
    List<Release> releases = new ReleasePlan(graph, plan, terms).releases(false);
    List<String> names = atWorker(graph, plan).map(Node::name).toList();
    List<Release> gradients = of(releases, Channel.GRADIENTS, _ -> true);
    assertThat(gradients).extracting(Release::layer).containsExactlyElementsOf(names);
    assertThat(gradients).allMatch(r -> isGaussian(r) == covers(terms, Channel.GRADIENTS));
    List<Release> weights = of(releases, Channel.WEIGHTS, r -> !isGaussian(r));
    assertThat(weights).extracting(Release::layer).containsExactlyElementsOf(names);
    assertThat(weights)
        .allMatch(r ->
            covers(terms, Channel.WEIGHTS)
                ? r.mechanism() instanceof Release.PostProcessing
                : r.mechanism() instanceof Release.Uncovered);
    for (Release gradient : gradients) {
      int node = node(graph, gradient.layer());
      assertThat(gradient.values()).isEqualTo(graph.shape(node).size());
    }
  }

  private static int node(Graph graph, String name) {
    return graph.nodes().stream().map(Node::name).toList().indexOf(name);
  }

  /// Later residuals and gradients depend on all parameters, also on those that are never sent.
  @ParameterizedTest
  @MethodSource("plans")
  void where_weights_are_protected_every_trained_parameter_is(
      Graph graph, Plan plan, ReleaseTerms terms) {
    List<Release> sums =
        of(
            new ReleasePlan(graph, plan, terms).releases(false),
            Channel.WEIGHTS,
            r -> isGaussian(r));
    Map<String, Long> expected = new HashMap<>();
    if (covers(terms, Channel.WEIGHTS)) {
      for (int i = 0; i < graph.nodes().size(); i++) {
        String name = graph.nodes().get(i).name();
        // The worker's own: what it multiplies of its own noisy inputs and gradients.
        boolean workers =
            switch (plan.layers().get(name)) {
              case null -> false;
              case Trusted _ -> false;
              case Untrusted _ -> true;
              case Split(var _, var rank) -> rank.equals(Rank.NONE);
            };
        for (Parameter p : graph.parameters(i)) {
          if (!(workers && p.kind().weight())) {
            expected.merge(name, p.size(), Long::sum);
          }
        }
      }
    }
    Map<String, Long> planned = new HashMap<>();
    sums.forEach(release -> planned.merge(release.layer(), release.values(), Long::sum));
    assertThat(planned).isEqualTo(expected);
    assertThat(sums).hasSize(expected.size());
  }

  @ParameterizedTest
  @MethodSource("plans")
  void a_basis_is_released_where_a_shared_one_is_fitted_to_private_data_and_when(
      Graph graph, Plan plan, ReleaseTerms terms) {
    ReleasePlan releases = new ReleasePlan(graph, plan, terms);
    boolean shared =
        plan.layers().values().stream()
            .anyMatch(p ->
                p instanceof Split(var decomposition, var rank)
                    && decomposition == Decomposition.SHARED
                    && !rank.equals(Rank.NONE));
    for (boolean refresh : new boolean[] {false, true}) {
      List<Release> bases = of(releases.releases(refresh), Channel.BASIS, _ -> true);
      boolean expected =
          shared
              && switch (terms) {
                case ReleaseTerms.Unaccounted _ -> true; // visible in every step's residuals
                case ReleaseTerms.Accounted accounted ->
                    accounted.basis() == Basis.DP
                        ? refresh
                        // Public images see private data through weights that carry it.
                        : !accounted.channels().contains(Channel.WEIGHTS);
                case ReleaseTerms.DpSgd _ -> false; // a function of public images and noised sums
              };
      assertThat(bases).hasSize(expected ? releases.flow().inputs().size() : 0);
      assertThat(bases)
          .allMatch(release ->
              isGaussian(release)
                  == (terms instanceof ReleaseTerms.Accounted accounted
                      && accounted.basis() == Basis.DP));
      for (DataFlow.Input input : releases.flow().inputs()) {
        long c = graph.shape(input.key().source()).channels();
        assertThat(bases)
            .filteredOn(release -> release.layer().equals(input.name()))
            .allMatch(release -> release.values() == c * (c + 1) / 2);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("plans")
  void a_plan_is_a_function_of_its_arguments_and_names_no_release_twice(
      Graph graph, Plan plan, ReleaseTerms terms) {
    for (boolean refresh : new boolean[] {false, true}) {
      List<Release> releases = new ReleasePlan(graph, plan, terms).releases(refresh);
      assertThat(new ReleasePlan(graph, plan, terms).releases(refresh)).isEqualTo(releases);
      assertThat(new HashSet<>(releases)).hasSameSizeAs(releases);
      if (!plan.needsWorker() && !covers(terms, Channel.WEIGHTS)) {
        assertThat(releases).isEmpty();
      }
    }
  }

  /// [Terms#bounds] has another one for each channel and layer.
  @ParameterizedTest
  @MethodSource("plans")
  void every_noised_release_has_its_own_bound_and_the_noise_of_the_terms(
      Graph graph, Plan plan, ReleaseTerms terms) {
    ReleaseTerms.Bounds bounds = Terms.bounds(graph);
    assertThat(new ReleasePlan(graph, plan, terms).releases(true))
        .filteredOn(ReleasePlanTest::isGaussian)
        .allSatisfy(release ->
            assertThat(release.mechanism())
                .isEqualTo(
                    new Release.Gaussian(
                        bounds.of(release.channel(), release.layer()), new NoiseMultiplier(0.5))));
  }

  @Test
  void a_shortcut_reads_what_the_block_s_first_layer_reads() {
    Graph graph = graph("resnet20");
    Plan plan = Plan.of(graph, Mode.ASYMML, Decomposition.SHARED, RANK, List.of());
    ReleasePlan releases = new ReleasePlan(graph, plan, Terms.all(graph).findFirst().orElseThrow());
    // 19 convolutions, the classifier, and 2 projections that share an input.
    assertThat(graph.linearLayers()).hasSize(22);
    assertThat(releases.flow().inputs())
        .hasSize(20)
        .extracting(DataFlow.Input::name)
        .doesNotContain("layer2.0.downsample.conv");
  }

  @Test
  void layers_that_read_one_input_but_are_split_otherwise_release_it_each() {
    Graph graph = graph("resnet20");
    Map<String, Placement> layers =
        new HashMap<>(Plan.of(graph, Mode.ASYMML, Decomposition.SHARED, RANK, List.of()).layers());
    layers.put("layer2.0.downsample.conv", new Split(Decomposition.SHARED, new Rank.Fixed(1)));
    ReleasePlan releases =
        new ReleasePlan(
            graph, new Plan(layers), Terms.accounted(graph, Terms.PROTECTED.getLast(), Basis.DP));
    assertThat(releases.flow().inputs()).hasSize(21);
    assertThat(of(releases.releases(true), Channel.BASIS, _ -> true)).hasSize(21);
    assertThat(of(releases.releases(true), Channel.RESIDUALS, _ -> true))
        .extracting(Release::layer)
        .contains("layer2.0.downsample.conv");
  }

  @Test
  void a_noise_ratio_comes_to_its_own_multiplier_on_each_release() {
    Graph graph = graph("cnn");
    Plan plan = Plan.of(graph, Mode.ASYMML, Decomposition.SHARED, RANK, List.of("first"));
    ReleaseTerms terms =
        new ReleaseTerms.Accounted(
            new NoiseStrength.Ratio(3), Terms.PROTECTED.getLast(), Basis.DP, Terms.bounds(graph));
    List<Release> noised =
        new ReleasePlan(graph, plan, terms)
            .releases(true).stream().filter(ReleasePlanTest::isGaussian).toList();
    assertThat(noised)
        .allSatisfy(release -> assertThat(release.noiseRatio()).isCloseTo(3, within(1e-12)));
    assertThat(noised).extracting(Release::channel).contains(Channel.values());
  }

  @Test
  void terms_that_would_account_for_nothing_or_too_little_are_refused() {
    Graph graph = graph("cnn");
    ReleaseTerms.Bounds bounds = Terms.bounds(graph);
    NoiseStrength noise = new NoiseStrength.Multiplier(1);
    Set<Channel> all = Terms.PROTECTED.getLast();
    assertThatThrownBy(
            () -> new ReleaseTerms.Accounted(new NoiseStrength.None(), all, Basis.PUBLIC, bounds))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("without noise");
    assertThatThrownBy(() ->
            new ReleaseTerms.Accounted(
                noise, Set.of(Channel.RESIDUALS, Channel.WEIGHTS), Basis.PUBLIC, bounds))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("together with gradients");
    for (Set<Channel> channels :
        List.of(Set.<Channel>of(), Set.of(Channel.GRADIENTS, Channel.WEIGHTS))) {
      assertThatThrownBy(() -> new ReleaseTerms.Accounted(noise, channels, Basis.PUBLIC, bounds))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("residuals are always protected");
    }
  }

  @Test
  void exact_inputs_are_not_accounted_for() {
    Graph graph = Zoo.build("cnn", new Shape(32, 32, 3), 10, Zoo.Norm.GROUP);
    Plan plan =
        Plan.of(
            graph,
            Mode.UNTRUSTED_ONLY,
            Decomposition.SHARED,
            RankPolicy.parse("0"),
            List.of("first"));
    ReleaseTerms terms = Terms.accounted(graph, Terms.PROTECTED.getLast(), Basis.PUBLIC);
    assertThatThrownBy(() -> new ReleasePlan(graph, plan, terms))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("inputs that are sent unprotected cannot be accounted for");
  }

  private static void assertRefused(String norm, String rank, Basis basis, String reason) {
    Graph graph = Zoo.build("cnn", new Shape(32, 32, 3), 10, Zoo.Norm.valueOf(norm));
    Plan plan =
        Plan.of(graph, Mode.ASYMML, Decomposition.SHARED, RankPolicy.parse(rank), List.of("first"));
    ReleaseTerms terms = Terms.accounted(graph, Terms.PROTECTED.getLast(), basis);
    assertThatThrownBy(() -> new ReleasePlan(graph, plan, terms))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(reason);
  }

  @Test
  void what_no_mechanism_covers_has_no_plan() {
    assertRefused("BATCH", "1/8", Basis.PUBLIC, "batch norm mixes examples");
    assertRefused("GROUP", "energy:0.1", Basis.PUBLIC, "follows the data");
    assertRefused("GROUP", "layers:0:0:4", Basis.BATCH, "private batches");
    Graph graph = graph("cnn");
    Plan nothingKept =
        Plan.of(
            graph,
            Mode.ASYMML,
            Decomposition.SHARED,
            RankPolicy.parse("layers:4:0"),
            List.of("first"));
    ReleaseTerms batch = Terms.accounted(graph, Terms.PROTECTED.getLast(), Basis.BATCH);
    assertThat(
            of(new ReleasePlan(graph, nothingKept, batch).releases(true), Channel.BASIS, _ -> true))
        .isEmpty();
  }

  @Test
  void a_bound_that_is_missing_is_named_and_bounds_do_not_change_afterwards() {
    Map<String, ClipNorm> residuals = new HashMap<>(Map.of("conv1", new ClipNorm(1)));
    Map<Channel, Map<String, ClipNorm>> norms = new HashMap<>(Map.of(Channel.RESIDUALS, residuals));
    ReleaseTerms.Bounds bounds = new ReleaseTerms.Bounds(norms);
    residuals.put("conv1", new ClipNorm(1e9));
    norms.clear();
    assertThat(bounds.of(Channel.RESIDUALS, "conv1")).isEqualTo(new ClipNorm(1));
    assertThatThrownBy(() -> bounds.of(Channel.RESIDUALS, "conv2"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("there is no clip bound for the residuals of conv2");
    assertThatThrownBy(() -> bounds.of(Channel.BASIS, "conv1"))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
