package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Delta;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.train.FormalCheck.Finding;
import asymml.trusted.train.FormalCheck.Rule;
import asymml.trusted.train.PrivacyConfig.Clip;
import asymml.trusted.train.PrivacyConfig.Drawing;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FormalCheckTest {
  private static final PrivacyRuns CLEAN = PrivacyRuns.clean();

  private static List<Finding> look(PrivacyRuns run, @Nullable Shape publicShape, boolean secure) {
    return FormalCheck.check(
        run.config(), run.graph(), run.plan(), PrivacyRuns.EXAMPLES, publicShape, secure);
  }

  private static List<Finding> look(PrivacyRuns run) {
    return look(run, PrivacyRuns.SHAPE, true);
  }

  @Test
  void a_run_that_breaks_no_rule_has_no_finding() {
    assertThat(look(CLEAN)).isEmpty();
    assertThat(look(CLEAN.with(Basis.DP))).isEmpty();
    assertThat(look(CLEAN.with(Decomposition.PER_EXAMPLE).with(Basis.BATCH))).isEmpty();
    assertThat(look(CLEAN.with(Mode.DP_ONLY).with(Basis.BATCH))).isEmpty();
    assertThat(look(CLEAN.with(Clip.parse("20:0.1:3")))).isEmpty();
    assertThat(look(CLEAN.with(new NoiseStrength.Ratio(1)))).isEmpty();
    PrivacyConfig shuffled =
        PrivacyRuns.protecting(Set.of(Channel.RESIDUALS), 8.0, Drawing.SHUFFLE, Basis.PUBLIC);
    assertThat(look(CLEAN.with(new NoiseStrength.None()).with(shuffled))).isEmpty();
  }

  @Test
  void a_run_that_accounts_for_nothing_may_break_every_rule() {
    PrivacyRuns run =
        CLEAN
            .with(PrivacyConfig.NONE)
            .with(Zoo.Norm.BATCH)
            .with(Mode.UNTRUSTED_ONLY)
            .with(new NoiseStrength.None());
    assertThat(look(run, null, false)).isEmpty();
  }

  private static void assertOnly(List<Finding> found, Rule rule, String problem) {
    assertThat(found).containsExactly(new Finding(rule, problem));
  }

  @Test
  void nothing_to_account_for_is_found() {
    assertOnly(
        look(CLEAN.with(Mode.TRUSTED_ONLY)),
        Rule.NOTHING_RELEASED,
        "nothing is released in this mode");
  }

  @Test
  void whole_inputs_are_found() {
    assertOnly(
        look(CLEAN.with(Mode.UNTRUSTED_ONLY)),
        Rule.INPUTS_UNPROTECTED,
        "inputs are sent unprotected in untrusted-only mode");
  }

  @Test
  void batch_norm_is_found_with_its_layers() {
    assertOnly(
        look(CLEAN.with(Zoo.Norm.BATCH)),
        Rule.MIXED_EXAMPLES,
        "batch norm mixes the examples of a batch in bn1, bn2, bn3");
  }

  @Test
  void of_many_batch_norms_three_are_named() {
    Graph graph = Zoo.build("resnet20", PrivacyRuns.SHAPE, 10, Zoo.Norm.BATCH);
    assertThat(
            FormalCheck.check(
                CLEAN.config(), graph, CLEAN.plan(), PrivacyRuns.EXAMPLES, PrivacyRuns.SHAPE, true))
        .extracting(Finding::problem)
        .containsExactly(
            "batch norm mixes the examples of a batch in bn1, layer1.0.bn1, layer1.0.bn2 and 18"
                + " more layers");
  }

  @Test
  void a_basis_of_private_batches_is_found_where_there_is_one() {
    assertOnly(
        look(CLEAN.with(Basis.BATCH)),
        Rule.PRIVATE_BASIS,
        "shared bases are fitted to private batches");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void a_rank_that_follows_the_data_is_found(boolean shared) {
    PrivacyRuns run =
        CLEAN
            .with(shared ? Decomposition.SHARED : Decomposition.PER_EXAMPLE)
            .withRank("energy:0.1");
    assertOnly(look(run), Rule.PRIVATE_RANK, "the rank follows private data");
  }

  @Test
  void missing_noise_is_found_unless_a_target_brings_it() {
    assertOnly(look(CLEAN.with(new NoiseStrength.None())), Rule.NO_NOISE, "there is no noise");
    PrivacyConfig budgeted =
        PrivacyRuns.protecting(PrivacyRuns.ALL, 3.0, Drawing.POISSON, Basis.PUBLIC);
    assertThat(look(CLEAN.with(new NoiseStrength.None()).with(budgeted))).isEmpty();
  }

  @Test
  void a_clip_bound_that_follows_the_data_is_found() {
    assertOnly(
        look(CLEAN.with(new Clip.Median())),
        Rule.PRIVATE_CLIP_BOUND,
        "the clip bound follows private data");
  }

  @Test
  void a_delta_that_allows_an_example_s_publication_is_found() {
    assertOnly(
        look(CLEAN.with(new Delta(1e-3))),
        Rule.DELTA_TOO_LARGE,
        "delta is not below 1 over the 1000 examples");
    assertThat(look(CLEAN.with(new Delta(0.99e-3)))).isEmpty();
  }

  @Test
  void public_images_that_are_missing_or_of_another_shape_are_found() {
    assertOnly(look(CLEAN, null, true), Rule.NO_PUBLIC_IMAGES, "there are no public images");
    assertOnly(
        look(CLEAN, new Shape(8, 8, 1), true),
        Rule.PUBLIC_SHAPE,
        "the public images are 8x8x1 and the private ones 8x8x3");
  }

  @Test
  void noise_that_could_be_drawn_again_is_found() {
    assertOnly(
        look(CLEAN, PrivacyRuns.SHAPE, false),
        Rule.PREDICTABLE_NOISE,
        "the noise comes from a generator that could be seeded");
  }

  @Test
  void all_that_is_wrong_is_said_at_once_in_one_line() {
    PrivacyRuns run =
        CLEAN
            .with(Zoo.Norm.BATCH)
            .withRank("energy:0.1")
            .with(new NoiseStrength.None())
            .with(new Clip.Median())
            .with(Basis.BATCH)
            .with(new Delta(0.5));
    List<Finding> found = look(run, null, false);
    assertThat(found).hasSize(8).doesNotHaveDuplicates();
    String refusal = FormalCheck.refusal(found);
    assertThat(refusal)
        .startsWith("this run cannot be accounted for: batch norm mixes")
        .doesNotContain("\n", "\r");
    assertThat(found)
        .allSatisfy(
            finding -> assertThat(refusal).contains(finding.problem()).doesNotContain("--"));
  }
}
