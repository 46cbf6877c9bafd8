package asymml.trusted.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Release;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.Shield;
import asymml.trusted.train.FormalCheck;
import asymml.trusted.train.FormalCheck.Rule;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.PrivacyConfig.Clip;
import asymml.trusted.train.TrainConfig;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class InferenceTermsTest {
  private static final Graph GRAPH = Zoo.build("cnn", new Shape(16, 16, 3), 10, Zoo.Norm.BATCH);
  private static final NoiseStrength NOISE = new NoiseStrength.Multiplier(3);

  private static TrainConfig config(NoiseStrength noise, PrivacyConfig privacy, Shield shield) {
    return new TrainConfig(
        "cnn",
        Zoo.Norm.BATCH,
        Mode.ASYMML,
        Decomposition.SHARED,
        RankPolicy.parse("1/8"),
        List.of(Plan.FIRST, Plan.LAST),
        noise,
        new NoiseStrength.None(),
        1,
        4,
        new TrainConfig.Optimizer(0.1f, 0.9f, 0, TrainConfig.Schedule.CONSTANT, 0, List.of(), 0.1f),
        0,
        false,
        1,
        privacy,
        shield);
  }

  private static TrainConfig accounted(Basis basis, Clip clip) {
    return config(
        NOISE,
        new PrivacyConfig(
            Set.of(Channel.RESIDUALS),
            null,
            new Delta(1e-5),
            PrivacyConfig.Drawing.SHUFFLE,
            basis,
            clip),
        new Shield.Residual());
  }

  private static TrainConfig unaccounted() {
    return config(NOISE, PrivacyConfig.NONE, new Shield.Residual());
  }

  private static List<Rule> broken(TrainConfig config) {
    return InferenceTerms.check(config, InferenceTerms.plan(config, GRAPH), true).stream()
        .map(FormalCheck.Finding::rule)
        .toList();
  }

  @Test
  void without_an_account_nothing_is_looked_for_and_no_public_image_needed() {
    TrainConfig config = unaccounted();
    assertThat(broken(config)).isEmpty();
    assertThat(InferenceTerms.needsPublicImages(config, InferenceTerms.plan(config, GRAPH)))
        .isFalse();
  }

  @Test
  void all_that_breaks_the_guarantee_is_found() {
    assertThat(broken(accounted(Basis.PUBLIC, new Clip.Public()))).isEmpty();
    assertThat(broken(accounted(Basis.BATCH, new Clip.Public())))
        .containsExactly(Rule.PRIVATE_BASIS);
    assertThat(broken(accounted(Basis.DP, new Clip.Public()))).containsExactly(Rule.PRIVATE_BASIS);
    assertThat(broken(accounted(Basis.PUBLIC, new Clip.Median())))
        .containsExactly(Rule.PRIVATE_CLIP_BOUND);
    assertThat(
            broken(accounted(Basis.PUBLIC, new Clip.Public()).withNoise(new NoiseStrength.None())))
        .containsExactly(Rule.NO_NOISE);
    assertThat(
            broken(
                accounted(Basis.PUBLIC, new Clip.Public())
                    .withRank(RankPolicy.parse("energy:0.1"))))
        .containsExactly(Rule.PRIVATE_RANK);
    assertThat(broken(accounted(Basis.PUBLIC, new Clip.Public()).withMode(Mode.UNTRUSTED_ONLY)))
        .containsExactly(Rule.INPUTS_UNPROTECTED);
    TrainConfig config = accounted(Basis.PUBLIC, new Clip.Public());
    assertThat(InferenceTerms.check(config, InferenceTerms.plan(config, GRAPH), false))
        .extracting(FormalCheck.Finding::rule)
        .containsExactly(Rule.PREDICTABLE_NOISE);
  }

  /// Batch norm is no finding: running statistics mix no images.
  @Test
  void public_images_are_needed_for_bounds_and_bases_alone() {
    for (boolean shared : new boolean[] {false, true}) {
      for (Clip clip : List.of(new Clip.Public(), fixed(2))) {
        TrainConfig config =
            accounted(Basis.PUBLIC, clip)
                .withDecomposition(shared ? Decomposition.SHARED : Decomposition.PER_EXAMPLE);
        assertThat(broken(config)).isEmpty();
        assertThat(InferenceTerms.needsPublicImages(config, InferenceTerms.plan(config, GRAPH)))
            .isEqualTo(shared || clip instanceof Clip.Public);
      }
    }
  }

  private static Clip fixed(double bound) {
    return new Clip.Fixed(new ClipNorm(bound), null, null);
  }

  @Test
  void a_bound_that_is_given_is_that_of_every_input() {
    TrainConfig config = accounted(Basis.PUBLIC, fixed(2.5));
    Plan plan = InferenceTerms.plan(config, GRAPH);
    List<Release> releases =
        InferenceTerms.releases(
                config,
                GRAPH,
                plan,
                () -> {
                  throw new IllegalStateException("no public images are needed");
                })
            .releases(true);
    assertThat(releases)
        .filteredOn(release -> release.channel() == Channel.RESIDUALS)
        .isNotEmpty()
        .allSatisfy(release ->
            assertThat(release.mechanism())
                .isInstanceOfSatisfying(
                    Release.Gaussian.class,
                    gaussian -> {
                      assertThat(gaussian.clipNorm().value()).isEqualTo(2.5);
                      assertThat(gaussian.noiseMultiplier().value()).isEqualTo(3);
                    }));
  }

  @Test
  void what_is_not_accounted_for_says_why() {
    for (NoiseStrength noise : List.of(NOISE, new NoiseStrength.None())) {
      TrainConfig config = unaccounted().withNoise(noise);
      List<Release> releases =
          InferenceTerms.releases(
                  config,
                  GRAPH,
                  InferenceTerms.plan(config, GRAPH),
                  () -> new ReleaseTerms.Bounds(Map.of()))
              .releases(true);
      assertThat(releases)
          .filteredOn(release -> release.channel() == Channel.RESIDUALS)
          .allSatisfy(release ->
              assertThat(release.mechanism().toString())
                  .contains(noise.isOn() ? "clip bound follows the images" : "without noise"));
      assertThat(releases).anyMatch(release -> release.channel() == Channel.BASIS);
    }
  }

  @Test
  void a_plan_that_leaves_nothing_for_a_worker_is_refused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> InferenceTerms.plan(unaccounted().withMode(Mode.TRUSTED_ONLY), GRAPH))
        .withMessage("no layer of cnn is left for a worker: all are trusted");
  }
}
