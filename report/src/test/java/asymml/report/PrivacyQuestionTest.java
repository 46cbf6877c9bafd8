package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.privacy.AccountantKind;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.SamplingRate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Runs in which every example is in every step: one Gaussian mechanism of `mu = sqrt(n) / z`,
/// whose epsilons at delta 1e-5 were solved elsewhere from Balle and Wang's theorem 8: 4.37718 for
/// mu 1, 6.57298 for the square root of 2, 9.99726 for 2.
class PrivacyQuestionTest {
  private static PrivacyQuestion question(int releases, @Nullable MaskedTensors masks) {
    return new PrivacyQuestion(
        new StepSampling.ByRate(new SamplingRate(1)),
        releases,
        masks,
        new Delta(1e-5),
        AccountantKind.GAUSSIAN);
  }

  private static JsonNode json(PrivacyFacts facts) {
    return JsonMapper.shared().readTree(facts.json());
  }

  private static double epsilon(PrivacyQuestion question, double z, long steps) {
    return json(question.epsilon(new NoiseMultiplier(z), steps)).get("epsilon").asDouble();
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1, 4.37718", "1, 2, 1, 6.57298", "2, 2, 2, 4.37718", "3, 4, 9, 9.99726"})
  void epsilon_is_that_of_all_releases_together_rounded_up(
      double z, int releases, long steps, double expected) {
    assertThat(epsilon(question(releases, null), z, steps)).isBetween(expected, expected + 2e-4);
  }

  /// Masks of n tensors cost a share of one sum, whatever n is: `1 + s` for both.
  @ParameterizedTest
  @CsvSource({"1, 1, 6.57298", "38, 1, 6.57298", "5, 3, 9.99726"})
  void masks_cost_their_share_of_a_sum(int tensors, double share, double expected) {
    assertThat(epsilon(question(1, new MaskedTensors(tensors, share)), 1, 1))
        .isBetween(expected, expected + 2e-4);
  }

  @Test
  void noise_and_steps_are_the_inverse_of_epsilon() {
    PrivacyQuestion question = question(1, null);
    JsonNode noise = json(question.noise(new Epsilon(4.3772), 4).orElseThrow());
    // mu = 1 in four steps.
    assertThat(noise.get("noiseMultiplier").asDouble()).isBetween(1.9999, 2.0005);
    assertThat(noise.get("epsilon").asDouble()).isLessThanOrEqualTo(4.3772);
    JsonNode steps = json(question.steps(new Epsilon(10), new NoiseMultiplier(3)));
    // mu = 2 is 36 / 9.
    assertThat(steps.get("steps").asLong()).isEqualTo(36);
    assertThat(steps.get("epochs").asDouble()).isEqualTo(36);
    assertThat(json(question.steps(new Epsilon(0.5), new NoiseMultiplier(1))).get("steps").asLong())
        .isZero();
  }

  @Test
  void noise_that_promises_nothing_has_no_number() {
    PrivacyFacts facts = question(1, null).epsilon(new NoiseMultiplier(0.05), 1);
    assertThat(json(facts).get("epsilon").asString()).isEqualTo("infinite");
    assertThat(facts.lines().getFirst()).contains("infinite: the noise sampler's missing tails");
  }

  @Test
  void an_answer_says_what_it_assumes() {
    PrivacyFacts facts = question(2, new MaskedTensors(8, 2)).epsilon(new NoiseMultiplier(3), 5);
    JsonNode json = json(facts);
    assertThat(json.get("releasesPerStep").asInt()).isEqualTo(2);
    assertThat(json.get("steps").asInt()).isEqualTo(5);
    assertThat(json.get("sampling").asString()).isEqualTo("none");
    // 3 sqrt(8 / 2).
    assertThat(json.get("masksNoiseMultiplier").asDouble()).isEqualTo(6);
    assertThat(facts.lines())
        .anyMatch(line -> line.contains("5 steps, 2 releases about the same sample each"))
        .anyMatch(line -> line.contains("8 tensors a step, noise multiplier 6"))
        .anyMatch(line -> line.contains("none: every example in every step"));
  }

  @Test
  void what_an_accountant_cannot_answer_is_refused_before_it_is_asked() {
    assertThatThrownBy(() -> question(0, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("releases must be at least 1: 0");
    assertThatThrownBy(() ->
            new PrivacyQuestion(
                new StepSampling.BySizes(8, 16), 1, null, new Delta(1e-5), AccountantKind.GAUSSIAN))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "accountant gaussian: the analytic Gaussian accountant does not support Poisson"
                + " sampling: use PLD or RDP");
  }
}
