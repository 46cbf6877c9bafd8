package asymml.trusted.passes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Release;
import asymml.trusted.boundary.OpenDoor;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.Terms;
import asymml.trusted.split.SplitContext;
import asymml.trusted.split.Workers;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What public images settle before a private one is looked at. The pass is given the network, its
/// parameters and public images, and nothing else.
class PublicPassTest {
  private static final Shape SHAPE = new Shape(16, 16, 3);
  private static final int IMAGES = 5;
  private static final int[] LABELS = {0, 3, 1, 9, 3};
  private static final RankPolicy RANK = RankPolicy.parse("1/4");

  private final Arena arena = Arena.ofShared();

  @AfterEach
  void free() {
    arena.close();
  }

  private static Graph graph(String model) {
    return Zoo.build(model, SHAPE, 10, Zoo.Norm.GROUP);
  }

  private Tensor images(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Tensor images = Tensor.allocate(arena, IMAGES, 16, 16, 3);
    for (long i = 0; i < images.size(); i++) {
      images.set(i, (float) random.nextDouble(-2, 2));
    }
    return images;
  }

  private static ReleaseTerms.Bounds bounds(
      Graph graph, Plan plan, Tensor images, int batchSize, long seed) {
    try (Parameters parameters = new Parameters(graph, new Initializer(seed), true);
        PublicPass pass = new PublicPass(graph, parameters, images, LABELS)) {
      return pass.bounds(plan, batchSize);
    }
  }

  private static Plan plan(Graph graph, Mode mode, Decomposition decomposition) {
    return Plan.of(graph, mode, decomposition, RANK, List.of(Plan.FIRST));
  }

  static Stream<String> models() {
    return Stream.of("cnn", "resnet20");
  }

  @ParameterizedTest
  @MethodSource("models")
  void there_is_a_bound_for_every_release_under_any_terms(String model) {
    Graph graph = graph(model);
    Tensor images = images(1);
    for (Plan plan :
        List.of(
            plan(graph, Mode.ASYMML, Decomposition.SHARED),
            plan(graph, Mode.ASYMML, Decomposition.PER_EXAMPLE),
            plan(graph, Mode.DP_ONLY, Decomposition.SHARED))) {
      ReleaseTerms.Bounds bounds = bounds(graph, plan, images, 8, 1);
      for (var channels : Terms.PROTECTED) {
        for (Basis basis : List.of(Basis.PUBLIC, Basis.DP)) {
          ReleaseTerms terms =
              new ReleaseTerms.Accounted(new NoiseStrength.Multiplier(1), channels, basis, bounds);
          assertThatCode(() -> new ReleasePlan(graph, plan, terms).releases(true))
              .doesNotThrowAnyException();
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void the_same_images_give_the_same_bounds_and_others_do_not(String model) {
    Graph graph = graph(model);
    Plan plan = plan(graph, Mode.ASYMML, Decomposition.SHARED);
    ReleaseTerms.Bounds bounds = bounds(graph, plan, images(1), 8, 1);
    assertThat(bounds(graph, plan, images(1), 8, 1)).isEqualTo(bounds);
    assertThat(bounds(graph, plan, images(2), 8, 1)).isNotEqualTo(bounds);
    assertThat(bounds(graph, plan, images(1), 8, 2)).isNotEqualTo(bounds);
  }

  @Test
  void the_images_are_copied_and_a_second_pass_gives_the_same() {
    Graph graph = graph("cnn");
    Plan plan = plan(graph, Mode.ASYMML, Decomposition.SHARED);
    Tensor images = images(1);
    try (Parameters parameters = new Parameters(graph, new Initializer(1), true);
        PublicPass pass = new PublicPass(graph, parameters, images, LABELS)) {
      ReleaseTerms.Bounds bounds = pass.bounds(plan, 8);
      images.fill(1e6f);
      assertThat(pass.bounds(plan, 8)).isEqualTo(bounds);
    }
  }

  /// A loss is divided by the batch size; inputs do not know it. Three digits leave 1 %.
  @Test
  void bounds_of_gradients_shrink_with_the_batch_size_and_those_of_inputs_do_not() {
    Graph graph = graph("cnn");
    Plan plan = plan(graph, Mode.ASYMML, Decomposition.SHARED);
    Map<Channel, Map<String, ClipNorm>> small = bounds(graph, plan, images(1), 8, 1).norms();
    Map<Channel, Map<String, ClipNorm>> large = bounds(graph, plan, images(1), 80, 1).norms();
    small.forEach((channel, byLayer) ->
        byLayer.forEach((layer, norm) -> {
          boolean gradient = channel == Channel.GRADIENTS || channel == Channel.WEIGHTS;
          ClipNorm other = large.getOrDefault(channel, Map.of()).get(layer);
          assertThat(other).isNotNull();
          assertThat(norm.value() / (other == null ? 0 : other.value()))
              .as("%s of %s", channel, layer)
              .isBetween(gradient ? 9.9 : 1, gradient ? 10.1 : 1);
        }));
  }

  /// Where nothing is kept, the residual is the input: here the images themselves.
  @Test
  void a_bound_is_the_median_norm_to_three_digits() {
    Graph graph = graph("cnn");
    Plan plan = Plan.of(graph, Mode.DP_ONLY, Decomposition.SHARED, RANK, List.of());
    Tensor images = images(3);
    for (int i = 0; i < IMAGES; i++) {
      Elementwise.scale(1 + i % 3, images.examples(i, 1));
    }
    double[] norms = new double[IMAGES];
    Arrays.setAll(norms, i -> Math.sqrt(Elementwise.sumOfSquares(images.examples(i, 1))));
    Arrays.sort(norms);
    ClipNorm bound = bounds(graph, plan, images, 8, 1).of(Channel.RESIDUALS, "conv1");
    assertThat(bound.value()).isBetween(norms[2] * 0.995, norms[2] * 1.005);
    assertThat(Double.toString(bound.value())).matches("\\d\\d\\.\\d|\\d\\.\\d{1,2}|\\d{3}\\.0");
  }

  /// What is kept lowers the bound, which is what the decomposition is for.
  @Test
  void a_residual_s_bound_is_below_its_input_s() {
    Graph graph = graph("cnn");
    Tensor images = images(1);
    ReleaseTerms.Bounds whole =
        bounds(graph, plan(graph, Mode.DP_ONLY, Decomposition.SHARED), images, 8, 1);
    for (Decomposition decomposition : Decomposition.values()) {
      ReleaseTerms.Bounds split =
          bounds(graph, plan(graph, Mode.ASYMML, decomposition), images, 8, 1);
      for (String layer : List.of("conv2", "conv3")) {
        assertThat(split.of(Channel.RESIDUALS, layer).value())
            .isLessThan(0.9 * whole.of(Channel.RESIDUALS, layer).value());
      }
    }
  }

  @Test
  void a_network_that_gives_nothing_has_bounds_above_zero() {
    Graph graph = graph("cnn");
    Plan plan = plan(graph, Mode.ASYMML, Decomposition.SHARED);
    try (Parameters parameters = new Parameters(graph, new Initializer(1), true)) {
      for (Parameter p : parameters.all()) {
        parameters.value(p.name()).fill(0);
      }
      parameters.changed();
      try (PublicPass pass = new PublicPass(graph, parameters, images(1), LABELS)) {
        assertThat(pass.bounds(plan, 8).of(Channel.RESIDUALS, "conv2").value()).isPositive();
      }
    }
  }

  @Test
  void bases_come_from_public_images_before_the_first_step(@TempDir Path folder) throws Exception {
    Graph graph = graph("cnn");
    Plan plan = plan(graph, Mode.ASYMML, Decomposition.SHARED);
    ReleasePlan releases =
        new ReleasePlan(
            graph, plan, Terms.accounted(graph, Terms.PROTECTED.getLast(), Basis.PUBLIC));
    try (OpenDoor open = new OpenDoor(folder, 90, 1);
        Parameters parameters = new Parameters(graph, new Initializer(1), true);
        PublicPass pass = new PublicPass(graph, parameters, images(1), LABELS);
        SplitContext first =
            new SplitContext(graph, IMAGES, releases, Workers.one(open.worker(), open.door()));
        SplitContext second =
            new SplitContext(graph, IMAGES, releases, Workers.one(open.worker(), open.door()))) {
      assertThat(first.hasBases()).isFalse();
      pass.fitBases(first);
      assertThat(first.hasBases()).isTrue();
      assertThat(second.hasBases()).isFalse();
      pass.fitBases(second);
      assertThat(second.state()).hasSameSizeAs(first.state());
      first
          .state()
          .forEach((name, values) -> assertThat(second.state().get(name)).isEqualTo(values));
      assertThat(first.state().keySet())
          .anyMatch(name -> name.endsWith(".basis"))
          .noneMatch(name -> name.endsWith(".clip"));
      // No release stands for them: they are a function of what the worker has.
      assertThat(releases.releases(true)).noneMatch(r -> r.channel() == Channel.BASIS);
    }
  }

  @Test
  void what_a_step_may_release_is_planned_by_the_context(@TempDir Path folder) throws Exception {
    Graph graph = graph("cnn");
    Plan plan = plan(graph, Mode.ASYMML, Decomposition.SHARED);
    ReleasePlan releases =
        new ReleasePlan(graph, plan, Terms.accounted(graph, Terms.PROTECTED.getLast(), Basis.DP));
    try (OpenDoor open = new OpenDoor(folder, 91, 1);
        SplitContext context =
            new SplitContext(graph, IMAGES, releases, Workers.one(open.worker(), open.door()))) {
      for (Node node : graph.nodes()) {
        boolean trained = !graph.parameters(graph.nodes().indexOf(node)).isEmpty();
        assertThat(context.guard(graph.nodes().indexOf(node)) != null)
            .as(node.name())
            .isEqualTo(trained);
      }
      Release basis =
          releases.releases(true).stream()
              .filter(r -> r.channel() == Channel.BASIS)
              .findFirst()
              .orElseThrow();
      Tensor sums = Tensor.allocate(arena, Math.toIntExact(basis.values()));
      for (int step = 0; step < 12; step++) {
        context.begin(step);
        boolean refreshes = context.refreshes(step);
        assertThat(refreshes).isEqualTo(step % 10 == 0);
        if (refreshes) {
          assertThatCode(() -> open.door().perturb(basis, 0, sums)).doesNotThrowAnyException();
        }
        assertThatCode(() -> open.door().perturb(basis, 0, sums))
            .isInstanceOf(IllegalStateException.class);
      }
    }
  }
}
