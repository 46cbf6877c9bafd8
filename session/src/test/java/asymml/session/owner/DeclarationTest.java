package asymml.session.owner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.EvidenceException;
import asymml.attest.policy.RunConfiguration;
import asymml.privacy.Epsilon;
import asymml.session.Finding;
import asymml.session.InitSpec;
import asymml.session.InvalidSpecException;
import asymml.session.TrainingSpec;
import asymml.session.WorkerChoice;
import asymml.session.WorkerSpec;
import asymml.trusted.data.Decoding;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.train.Validation;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/// What a run tells its owner, and which runs can have one.
class DeclarationTest {
  private static final TrainingSpec SPEC =
      TrainingSpec.defaults()
          .withData("images.sealed")
          .withWorkers(WorkerSpec.of(WorkerChoice.parse("unix:/tmp/worker")));

  private static String text(TrainingSpec spec) throws EvidenceException {
    return new String(Declaration.of(spec).text(), StandardCharsets.UTF_8);
  }

  @Test
  void what_changes_the_run_changes_the_declaration_and_where_it_runs_does_not() throws Exception {
    RunConfiguration declared = Declaration.of(SPEC);
    assertThat(text(SPEC))
        .contains(
            "\"mode\":\"asymml\"",
            "\"shield\":\"residual\"",
            "\"protect\":[\"none\"]",
            "\"release-model\":false",
            "\"learning-rate\":0.05")
        .doesNotContain("images.sealed", "/tmp/worker", "threads");
    assertThat(
            Declaration.of(
                    SPEC.withThreads(3)
                        .withData("elsewhere.sealed")
                        .withWorkers(WorkerSpec.of(WorkerChoice.parse("unix:/tmp/other"))))
                .digest())
        .isEqualTo(declared.digest());
    assertThat(Declaration.of(SPEC.withSeed(2)).digest()).isNotEqualTo(declared.digest());
    assertThat(Declaration.of(SPEC.withNoise(new NoiseStrength.Ratio(0.2))).digest())
        .isNotEqualTo(declared.digest());
  }

  @Test
  void a_budget_is_declared_with_the_channels_for_which_it_holds() throws Exception {
    assertThat(text(SPEC.withProtection(new Epsilon(3))))
        .contains("\"target-epsilon\":3.0", "\"delta\":1.0E-5", "\"protect\":[\"residuals\"]")
        .doesNotContain("noise-multiplier");
    assertThat(text(SPEC.withProtection(null).withNoise(new NoiseStrength.Multiplier(0.7))))
        .contains("\"noise-multiplier\":0.7");
  }

  private static void assertRefused(TrainingSpec spec, String setting, String reason) {
    assertThatThrownBy(() -> Declaration.requireSealable(spec))
        .isInstanceOfSatisfying(
            InvalidSpecException.class,
            e -> {
              assertThat(e.findings()).extracting(Finding::setting).containsExactly(setting);
              assertThat(e).hasMessageContaining(reason);
            });
  }

  @Test
  void what_would_be_in_clear_or_is_not_declared_is_refused_by_name() throws Exception {
    Declaration.requireSealable(SPEC);
    Declaration.requireSealable(
        TrainingSpec.defaults().withData("images.sealed").withMode(Mode.TRUSTED_ONLY));
    assertRefused(SPEC.withData("generated:3"), "data", "must name a file that the owner has");
    assertRefused(
        SPEC.withData(SPEC.data().withPublicSource("theirs.zip")),
        "public-data",
        "whether the operator's images are among the private ones would show");
    Declaration.requireSealable(SPEC.withData(SPEC.data().withPublicSource("generated:7")));
    assertRefused(
        SPEC.withData(
            SPEC.data().withDecoding(Decoding.DEFAULT.withOnBadImage(Decoding.OnBadImage.SKIP))),
        "on-bad-image",
        "skip would name images that are left out");
    assertRefused(SPEC.withRankAnalysisEvery(1), "analyze-every", "in clear");
    assertRefused(
        SPEC.withInit(new InitSpec(Path.of("start.safetensors"), false)),
        "init",
        "of which the owner knows nothing");
    assertRefused(
        SPEC.withTraining(SPEC.training().withValidation(new Validation(0.1, 0))),
        "validation-split",
        "the host sees when it is written");
    assertRefused(SPEC.withWorkers(WorkerSpec.local()), "worker", "one that runs already");
  }

  @Test
  void settings_that_are_too_long_to_be_declared_are_refused_in_one_line() {
    StringBuilder network = new StringBuilder("name: long\nlayers:\n");
    for (int i = 0; i < 2000; i++) {
      network.append("  - {name: activation").append(i).append(", type: relu}\n");
    }
    network.append("  - {name: flat, type: flatten}\n  - {name: fc, type: linear}\n");
    TrainingSpec spec = SPEC.withModel(network.toString());
    assertThatThrownBy(() -> Declaration.of(spec))
        .isInstanceOf(EvidenceException.class)
        .hasMessageMatching("a configuration has at most 65536 bytes: [0-9]+");
  }
}
