package asymml.trusted.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.trusted.plan.Placement.Decomposition;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What a trained network releases of images that it classifies.
class InferenceReleasesTest {
  private static final ReleaseTerms EXACT =
      new ReleaseTerms.Unaccounted(new NoiseStrength.None(), "released without noise");

  private static Graph graph(Zoo.Norm norm) {
    return Zoo.build("resnet20", new Shape(16, 16, 3), 10, norm);
  }

  private static Plan plan(Graph graph, Mode mode, Decomposition decomposition, String rank) {
    return Plan.of(graph, mode, decomposition, RankPolicy.parse(rank), List.of("first", "last"));
  }

  private static ReleaseTerms residuals(Graph graph, Basis basis) {
    return Terms.accounted(graph, Set.of(Channel.RESIDUALS), basis);
  }

  @ParameterizedTest
  @CsvSource({
    "ASYMML, SHARED, 1/8",
    "ASYMML, PER_EXAMPLE, 1/8",
    "DP_ONLY, SHARED, 1",
    "UNTRUSTED_ONLY, SHARED, 1"
  })
  void inputs_and_weights_are_those_of_training_and_there_is_no_gradient(
      Mode mode, Decomposition decomposition, String rank) {
    Graph graph = graph(Zoo.Norm.BATCH);
    Plan plan = plan(graph, mode, decomposition, rank);
    ReleasePlan training = new ReleasePlan(graph, plan, EXACT);
    ReleasePlan inference = ReleasePlan.ofInference(graph, plan, EXACT);
    List<Release> all = inference.releases(true);
    assertThat(all).isEqualTo(inference.releases(false));
    for (Channel channel : Channel.values()) {
      List<String> layers =
          all.stream().filter(r -> r.channel() == channel).map(Release::layer).toList();
      if (channel == Channel.GRADIENTS) {
        assertThat(layers).isEmpty();
      } else {
        assertThat(layers)
            .as(channel.label())
            .containsExactlyElementsOf(
                training.releases(true).stream()
                    .filter(r -> r.channel() == channel)
                    .map(Release::layer)
                    .toList());
      }
    }
    assertThat(inference.flow().layers())
        .allSatisfy(layer -> {
          assertThat(layer.sendsGradient()).isFalse();
          assertThat(layer.addedHere()).isEmpty();
          assertThat(inference.weightGradient(layer)).isNull();
        });
    assertThat(inference.flow().inputs()).containsExactlyElementsOf(training.flow().inputs());
  }

  /// Running statistics do not mix the images of a batch, so that batch norm can be accounted for.
  @Test
  void all_that_is_released_of_an_image_is_noised_where_it_is_accounted_for() {
    Graph graph = graph(Zoo.Norm.BATCH);
    for (Decomposition decomposition : Decomposition.values()) {
      ReleasePlan plan =
          ReleasePlan.ofInference(
              graph,
              plan(graph, Mode.ASYMML, decomposition, "1/8"),
              residuals(graph, Basis.PUBLIC));
      assertThat(plan.releases(true))
          .allSatisfy(release ->
              assertThat(release.mechanism())
                  .isInstanceOf(
                      release.channel() == Channel.WEIGHTS
                          ? Release.PostProcessing.class
                          : Release.Gaussian.class));
      assertThat(plan.releases(true)).noneMatch(release -> release.channel() == Channel.BASIS);
      assertThat(plan.protectsWeights()).isFalse();
    }
  }

  @Test
  void under_masks_every_input_has_their_multiplier_and_the_other_worker_gets_weights() {
    Graph graph = graph(Zoo.Norm.BATCH);
    ReleasePlan plan =
        ReleasePlan.ofInference(
            graph,
            plan(graph, Mode.ASYMML, Decomposition.SHARED, "0"),
            new ReleaseTerms.Accounted(
                new NoiseStrength.Multiplier(10),
                Set.of(Channel.RESIDUALS, Channel.GRADIENTS),
                Basis.PUBLIC,
                new ReleaseTerms.Bounds(Map.of()),
                new Shield.Shares(1)));
    assertThat(plan.workers()).isEqualTo(2);
    assertThat(plan.releases(false))
        .filteredOn(release -> release.channel() == Channel.RESIDUALS)
        .isNotEmpty()
        .allSatisfy(release ->
            assertThat(release.mechanism())
                .isInstanceOfSatisfying(
                    Release.Gaussian.class,
                    gaussian -> {
                      assertThat(gaussian.noiseMultiplier()).isEqualTo(new NoiseMultiplier(10));
                      assertThat(gaussian.clipNorm().value()).isEqualTo(Shield.Shares.NORM);
                    }));
    assertThat(plan.weights()).allMatch(release -> release.channel() == Channel.WEIGHTS);
  }

  @Test
  void what_no_mechanism_covers_is_refused() {
    Graph graph = graph(Zoo.Norm.GROUP);
    Plan split = plan(graph, Mode.ASYMML, Decomposition.SHARED, "1/8");
    refused(graph, split, residuals(graph, Basis.BATCH), "a basis fitted to private batches");
    refused(graph, split, residuals(graph, Basis.DP), "fitted to public images");
    refused(
        graph,
        plan(graph, Mode.ASYMML, Decomposition.SHARED, "energy:0.1"),
        residuals(graph, Basis.PUBLIC),
        "follows the data");
    refused(
        graph,
        plan(graph, Mode.UNTRUSTED_ONLY, Decomposition.SHARED, "1"),
        residuals(graph, Basis.PUBLIC),
        "sent unprotected");
    refused(
        graph,
        split,
        Terms.accounted(graph, Terms.PROTECTED.getLast(), Basis.PUBLIC),
        "does not protect weights");
    refused(
        graph,
        split,
        new ReleaseTerms.DpSgd(new NoiseMultiplier(1), 1, 0.1, Basis.PUBLIC, new Shield.Shares(1)),
        "DP-SGD trains");
  }

  private static void refused(Graph graph, Plan plan, ReleaseTerms terms, String why) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ReleasePlan.ofInference(graph, plan, terms))
        .withMessageContaining(why);
  }
}
