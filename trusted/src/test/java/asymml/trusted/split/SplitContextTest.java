package asymml.trusted.split;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer.Add;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Linear;
import asymml.model.Shape;
import asymml.privacy.Channel;
import asymml.privacy.Release;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.decompose.Decomposer;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.DataFlow;
import asymml.trusted.plan.DataFlow.SiteKey;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.Shield;
import asymml.trusted.plan.Terms;
import asymml.wire.Slot;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What lasts from step to step, and what doors are told.
class SplitContextTest {
  private static final int BATCH = 3;
  private static final Graph GRAPH = graph();
  private static final ReleaseTerms NOISY =
      new ReleaseTerms.Unaccounted(
          new NoiseStrength.Ratio(0.1), new NoiseStrength.Ratio(0.3), "a test");

  @TempDir Path folder;

  private final Arena arena = Arena.ofShared();
  private OracleWorker first;
  private OracleWorker second;

  /// `left` and `right` read one input.
  private static Graph graph() {
    GraphBuilder b = new GraphBuilder(new Shape(4, 5, 3));
    int start = b.add("first", new Conv2d(4, 3, 1, 1));
    int left = b.add("left", new Conv2d(4, 3, 1, 1), start);
    int right = b.add("right", new Conv2d(4, 1, 1, 0), start);
    b.add("sum", new Add(), left, right);
    b.add("flatten", new Flatten());
    b.add("fc", new Linear(2));
    return b.build("two readers");
  }

  @BeforeEach
  void connect() throws Exception {
    first = new OracleWorker(folder.resolve("first"), 81);
    second = new OracleWorker(folder.resolve("second"), 82);
    for (OracleWorker worker : List.of(first, second)) {
      worker.party().worker().mapRegion(1 << 16);
    }
  }

  @AfterEach
  void disconnect() throws Exception {
    first.close();
    second.close();
    arena.close();
  }

  private static Plan plan(Decomposition decomposition, String rank) {
    return Plan.of(
        GRAPH, Mode.ASYMML, decomposition, RankPolicy.parse(rank), List.of(Plan.FIRST, Plan.LAST));
  }

  private SplitContext context(Plan plan, ReleaseTerms terms, OracleWorker... workers) {
    return new SplitContext(
        GRAPH,
        BATCH,
        new ReleasePlan(GRAPH, plan, terms),
        new Workers(Stream.of(workers).map(OracleWorker::party).toList(), 1));
  }

  private SplitContext shared(ReleaseTerms terms) {
    return context(plan(Decomposition.SHARED, "2"), terms, first);
  }

  private static ReleaseTerms accounted(Basis basis) {
    return Terms.accounted(GRAPH, Terms.PROTECTED.getLast(), basis);
  }

  private static ReleaseTerms masks() {
    return new ReleaseTerms.Accounted(
        new NoiseStrength.Multiplier(2),
        Set.of(Channel.RESIDUALS, Channel.GRADIENTS),
        Basis.PUBLIC,
        new ReleaseTerms.Bounds(Map.of()),
        new Shield.Shares(1));
  }

  private Tensor values(Release release) {
    return Tensor.allocate(arena, Math.toIntExact(release.values()));
  }

  /// Has a release happen, whatever it is.
  private void happen(ReleaseDoor door, Release release) throws Exception {
    switch (release.mechanism()) {
      case Release.Gaussian _ -> door.perturb(release, 0, values(release));
      case Release.PostProcessing _, Release.Uncovered _ ->
          door.exact(release, values(release), new Slot(0, release.values()));
    }
  }

  private void assertRefused(OracleWorker worker, Release release) {
    assertThatThrownBy(() -> happen(worker.party().door(), release))
        .as("%s", release)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("no such release is planned for this step, or it has happened");
  }

  @Test
  void masks_take_two_workers_and_no_other_number() throws Exception {
    Plan plan = plan(Decomposition.SHARED, "0");
    assertThatThrownBy(() -> context(plan, masks(), first).close())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("masks need two workers");
    try (OracleWorker third = new OracleWorker(folder.resolve("third"), 83)) {
      assertThatThrownBy(() -> context(plan, masks(), first, second, third).close())
          .isInstanceOf(IllegalArgumentException.class);
    }
    context(plan, masks(), first, second).close();
    // Those that share a batch may be any number.
    context(plan, NOISY, first).close();
    context(plan, NOISY, first, second).close();
  }

  @Test
  void nothing_is_released_before_a_step_begins_and_each_planned_release_once_in_it()
      throws Exception {
    try (SplitContext context = shared(accounted(Basis.DP))) {
      List<Release> ordinary = context.releases().releases(false);
      for (Release release : ordinary) {
        assertRefused(first, release);
      }
      for (long step : new long[] {1, 2}) {
        context.begin(step);
        for (Release release : ordinary) {
          happen(first.party().door(), release);
          assertRefused(first, release);
        }
      }
      // What was left over from one step is not allowed in the next twice.
      context.begin(3);
      context.begin(4);
      happen(first.party().door(), ordinary.getFirst());
      assertRefused(first, ordinary.getFirst());
    }
  }

  @Test
  void a_noised_basis_is_released_in_the_steps_that_renew_it_and_in_no_other() throws Exception {
    try (SplitContext context = shared(accounted(Basis.DP))) {
      DataFlow.Input input = context.releases().flow().inputs().iterator().next();
      Release basis = Objects.requireNonNull(context.releases().basis(input));
      for (long step : new long[] {0, 1, 9, 10, 190, 200, 210, 249, 250}) {
        // Every 10 steps of the first 200, every 50 after.
        boolean due = step % 10 == 0 && (step < 200 || step % 50 == 0);
        assertThat(context.refreshes(step)).as("step %d", step).isEqualTo(due);
        context.begin(step);
        if (due) {
          happen(first.party().door(), basis);
        }
        assertRefused(first, basis);
      }
    }
  }

  @Test
  void workers_that_share_a_batch_get_each_release_and_the_holder_of_masks_weights_alone()
      throws Exception {
    Plan plan = plan(Decomposition.SHARED, "0");
    ReleaseTerms exact = new ReleaseTerms.Unaccounted(new NoiseStrength.None(), "a test");
    try (SplitContext context = context(plan, exact, first, second)) {
      context.begin(1);
      for (Release release : context.releases().releases(false)) {
        happen(first.party().door(), release);
        happen(second.party().door(), release);
        assertRefused(second, release);
      }
    }
    try (SplitContext context = context(plan, masks(), first, second)) {
      context.begin(1);
      for (Release release : context.releases().releases(false)) {
        happen(first.party().door(), release);
        if (release.channel() == Channel.WEIGHTS) {
          happen(second.party().door(), release);
        }
        assertRefused(second, release);
      }
    }
  }

  @Test
  void an_update_without_planned_noise_is_refused_until_all_of_it_was_added() throws Exception {
    try (SplitContext context = shared(accounted(Basis.PUBLIC))) {
      context.begin(1);
      List<Release> noised =
          context.releases().releases(false).stream()
              .filter(r -> r.channel() == Channel.WEIGHTS)
              .filter(r -> r.mechanism() instanceof Release.Gaussian)
              .toList();
      // All layers with parameters: the two split ones have a low-rank part.
      assertThat(noised).extracting(Release::layer).containsExactly("first", "left", "right", "fc");
      for (Release release : noised) {
        assertThatThrownBy(context::requireNoised)
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("the noise planned for the weights of")
            .hasMessageContaining(release.layer());
        happen(first.party().door(), release);
      }
      context.requireNoised();
      context.begin(2);
      assertThatThrownBy(context::requireNoised).isInstanceOf(IllegalStateException.class);
    }
    try (SplitContext context = shared(NOISY)) {
      context.begin(1);
      assertThatCode(context::requireNoised).doesNotThrowAnyException();
    }
  }

  @Test
  void layers_that_read_one_input_share_its_place_and_no_other_place_is_known() {
    try (SplitContext context = shared(NOISY)) {
      Placement placement = context.releases().flow().inputs().iterator().next().key().placement();
      SplitSite site = context.site(new SiteKey(0, placement));
      assertThat(context.releases().flow().inputs()).hasSize(1);
      assertThat(context.site(new SiteKey(0, placement))).isSameAs(site);
      assertThat(site.decomposer()).isNotNull();
      assertThat(site.bound().isDataDependent()).isTrue();
      assertThat(site.strength()).isEqualTo(new NoiseStrength.Ratio(0.1));
      assertThatThrownBy(() -> context.site(new SiteKey(Graph.INPUT, placement)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("no place was planned for");
      assertThatThrownBy(() -> context.site(new SiteKey(0, new Placement.Untrusted())))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  /// The strength that a door is given is the one that was accounted for, at the bound that was.
  @Test
  void noise_and_bounds_are_those_of_the_terms() {
    for (ReleaseTerms terms : Terms.all(GRAPH).toList()) {
      try (SplitContext context = shared(terms)) {
        ReleasePlan releases = context.releases();
        for (DataFlow.Input input : releases.flow().inputs()) {
          SplitSite site = context.site(input.key());
          assertThat(site.residual()).isEqualTo(releases.residual(input));
          if (site.residual().mechanism() instanceof Release.Gaussian(var norm, var noise)) {
            assertThat(site.bound().norm()).isEqualTo(norm.value());
            assertThat(site.strength().sigma(norm.value(), 7))
                .isEqualTo(norm.noiseDeviation(noise));
          } else {
            assertThat(site.bound().known()).isFalse();
          }
        }
        for (DataFlow.Layer layer : releases.flow().layers()) {
          if (!layer.sendsGradient()) {
            continue;
          }
          Release gradient = releases.outputGradient(layer);
          if (gradient.mechanism() instanceof Release.Gaussian(var norm, var noise)) {
            assertThat(context.gradientBound(gradient).norm()).isEqualTo(norm.value());
            assertThat(context.gradientNoise(gradient).sigma(norm.value(), 7))
                .isEqualTo(norm.noiseDeviation(noise));
          } else {
            // One that moves is the same for all batch sizes.
            assertThat(context.gradientBound(gradient))
                .isSameAs(context.gradientBound(gradient))
                .matches(bound -> bound.isDataDependent() && !bound.known());
            assertThat(context.gradientNoise(gradient))
                .isEqualTo(
                    terms instanceof ReleaseTerms.Unaccounted(var _, var gradients, var _)
                        ? gradients
                        : new NoiseStrength.None());
          }
        }
        for (int node = 0; node < GRAPH.nodes().size(); node++) {
          boolean guarded =
              releases.protectsWeights() && releases.flow().layer(node).valuesAddedHere() > 0;
          assertThat(context.guard(node) != null).as("%s, node %d", terms, node).isEqualTo(guarded);
        }
      }
    }
  }

  @Test
  void masks_are_made_for_what_they_are_accounted_for() {
    try (SplitContext context = context(plan(Decomposition.SHARED, "0"), masks(), first, second)) {
      DataFlow.Input input = context.releases().flow().inputs().iterator().next();
      Release residual = context.releases().residual(input);
      assertThat(context.newMask(residual, BATCH)).isNotSameAs(context.newMask(residual, BATCH));
      Release weights = context.releases().weights().getFirst();
      assertThatThrownBy(() -> context.newMask(weights, BATCH))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("masks are accounted for");
    }
  }

  private Tensor activation(int examples, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Tensor x = Tensor.allocate(arena, examples, 4, 5, 4);
    for (long i = 0; i < x.size(); i++) {
      x.set(i, (float) random.nextGaussian());
    }
    return x;
  }

  @Test
  void a_basis_that_no_batch_may_give_is_missing_until_public_activations_have() {
    try (SplitContext context = shared(accounted(Basis.PUBLIC))) {
      assertThat(context.hasBases()).isFalse();
      SplitSite site = context.site(context.releases().flow().inputs().iterator().next().key());
      Decomposer decomposer = Objects.requireNonNull(site.decomposer());
      Tensor x = activation(BATCH, 1);
      assertThatThrownBy(() -> decomposer.fit(x, 0))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("refit comes before fit");
      List<Integer> asked = new ArrayList<>();
      context.fitBases(node -> {
        asked.add(node);
        return activation(BATCH, 2);
      });
      assertThat(asked).containsExactly(0);
      assertThat(context.hasBases()).isTrue();
      Map<String, float[]> before = context.state();
      decomposer.fit(x, 0);
      // A private batch did not move it, though the step is one that renews.
      assertSame(context.state(), before);
    }
    try (SplitContext context = shared(NOISY)) {
      assertThat(context.hasBases()).isTrue();
    }
    try (SplitContext context = context(plan(Decomposition.SHARED, "0"), NOISY, first)) {
      assertThat(context.hasBases()).isTrue();
      context.fitBases(_ -> {
        throw new AssertionError("there is nothing to fit");
      });
    }
  }

  private static void assertSame(Map<String, float[]> actual, Map<String, float[]> expected) {
    assertThat(actual.keySet()).containsExactlyElementsOf(expected.keySet());
    expected.forEach((key, values) -> assertThat(actual.get(key)).as(key).isEqualTo(values));
  }

  private static Release gradient(SplitContext context, int node) {
    return context.releases().outputGradient(context.releases().flow().layer(node));
  }

  @Test
  void bases_and_bounds_are_restored_to_the_bit_and_keep_their_order() {
    Map<String, float[]> saved;
    try (SplitContext context = shared(NOISY)) {
      assertThat(context.state()).isEmpty();
      context.fitBases(_ -> activation(BATCH, 3));
      context.site(context.releases().flow().inputs().iterator().next().key()).bound().restore(2);
      context.gradientBound(gradient(context, 2)).restore(1.0 / 3);
      context.gradientBound(gradient(context, 1)); // not known: nothing to save
      saved = context.state();
      assertThat(saved.keySet())
          .containsExactly(
              "left.basis", "left.offset", "left.rank", "left.clip", "gradient-clip/right");
    }
    try (SplitContext again = shared(NOISY)) {
      // As a run that resumes does: its networks have asked for their bounds.
      again.gradientBound(gradient(again, 1));
      again.gradientBound(gradient(again, 2));
      again.restore(saved);
      assertSame(again.state(), saved);
      assertThat(again.gradientBound(gradient(again, 1)).known()).isFalse();
    }
  }

  @Test
  void bounds_are_restored_before_layers_ask_for_them_too() {
    Map<String, float[]> saved = new LinkedHashMap<>();
    saved.put("gradient-clip/right", new float[] {3, 0});
    try (SplitContext context = shared(NOISY)) {
      context.restore(saved);
      assertThat(context.gradientBound(gradient(context, 2)).known()).isTrue();
      assertThat(context.gradientBound(gradient(context, 2)).norm()).isEqualTo(3);
      assertSame(context.state(), saved);
    }
  }

  @Test
  void a_bound_keeps_48_of_its_bits_whatever_its_size() {
    System.out.println("seed 84");
    SplittableRandom random = new SplittableRandom(84);
    try (SplitContext context = shared(NOISY);
        SplitContext again = shared(NOISY)) {
      SiteKey key = context.releases().flow().inputs().iterator().next().key();
      for (int trial = 0; trial < 2000; trial++) {
        double bound = random.nextDouble(1, 2) * Math.pow(10, random.nextInt(-30, 38));
        context.site(key).bound().restore(bound);
        again.restore(context.state());
        // Below, the smaller of the two floats is subnormal.
        assertThat(again.site(key).bound().norm())
            .isCloseTo(bound, within(Math.max(0x1p-48 * bound, Float.MIN_VALUE)));
        assertSame(again.state(), context.state());
      }
    }
  }

  @Test
  void a_fixed_bound_is_no_state_and_a_damaged_state_is_refused() {
    try (SplitContext context = shared(accounted(Basis.PUBLIC))) {
      context.fitBases(_ -> activation(BATCH, 4));
      Map<String, float[]> saved = context.state();
      assertThat(saved.keySet()).containsExactly("left.basis", "left.offset", "left.rank");
      for (String key : saved.keySet()) {
        Map<String, float[]> damaged = new LinkedHashMap<>(saved);
        float[] values = Objects.requireNonNull(damaged.get(key));
        damaged.put(key, Arrays.copyOf(values, values.length + 1));
        assertThatThrownBy(() -> context.restore(damaged))
            .as("%s", key)
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("not a shared basis of 4 channels");
        damaged.remove(key);
        assertThatThrownBy(() -> context.restore(damaged))
            .isInstanceOf(IllegalArgumentException.class);
      }
      assertSame(context.state(), saved);
    }
  }

  @Test
  void untrusted_inputs_get_no_noise_whatever_the_strength() {
    Plan plan =
        Plan.of(
            GRAPH, Mode.UNTRUSTED_ONLY, Decomposition.SHARED, new RankPolicy.Fixed(0), List.of());
    try (SplitContext context = context(plan, NOISY, first)) {
      for (DataFlow.Input input : context.releases().flow().inputs()) {
        assertThat(context.site(input.key()).strength().isOn()).isFalse();
        assertThat(context.site(input.key()).decomposer()).isNull();
      }
      assertThat(context.releases().flow().inputs()).hasSize(3);
    }
  }

  @Test
  void a_context_is_closed_twice_and_its_decompositions_with_it() {
    SplitContext context = shared(NOISY);
    context.fitBases(_ -> activation(BATCH, 5));
    SiteKey key = context.releases().flow().inputs().iterator().next().key();
    Decomposer decomposer = Objects.requireNonNull(context.site(key).decomposer());
    context.close();
    context.close();
    assertThatThrownBy(() -> decomposer.fit(activation(BATCH, 6), 1))
        .isInstanceOf(IllegalStateException.class);
  }
}
