package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class WithoutEffectTest {
  private static final List<String> OF_PLANS = List.of("rank", "decomposer", "update");
  private static final List<String> OF_WORKERS =
      List.of(
          "gradient-noise-ratio",
          "shield",
          "weight-gradient",
          "worker",
          "tls-trust",
          "tls-keystore",
          "tls-password-file",
          "tls-allow-expired",
          "wire",
          "chunks",
          "verify",
          "worker-timeout");

  private static Map<String, String> found(String yaml) {
    return Settings.withoutEffect(Settings.parse("run.yaml", yaml).spec());
  }

  private static Set<String> withReason(String yaml, String reason) {
    Set<String> keys = new LinkedHashSet<>();
    found(yaml)
        .forEach((key, why) -> {
          if (why.equals(reason)) {
            keys.add(key);
          }
        });
    return keys;
  }

  @SafeVarargs
  private static Set<String> all(List<String>... groups) {
    Set<String> keys = new LinkedHashSet<>();
    for (List<String> group : groups) {
      keys.addAll(group);
    }
    return keys;
  }

  static Stream<Arguments> modes() {
    List<String> layers = List.of("trusted-layers");
    List<String> ratio = List.of("noise-ratio");
    List<String> multiplier = List.of("noise-multiplier");
    List<String> masks = List.of("masks-share", "public-data");
    return Stream.of(
        Arguments.of("asymml", false, all()),
        Arguments.of("asymml", true, all()),
        Arguments.of("dp-only", false, all(OF_PLANS)),
        Arguments.of("dp-only", true, all(OF_PLANS)),
        Arguments.of("untrusted-only", false, all(OF_PLANS, layers, ratio, multiplier)),
        Arguments.of("untrusted-only", true, all(OF_PLANS, layers, ratio)),
        Arguments.of("trusted-only", false, all(OF_PLANS, layers, ratio, multiplier, OF_WORKERS)),
        Arguments.of("trusted-only", true, all(OF_PLANS, layers, ratio, OF_WORKERS, masks)));
  }

  @ParameterizedTest
  @MethodSource("modes")
  void a_mode_has_no_use_for_what_concerns_parties_and_plans_that_it_has_not(
      String mode, boolean dpSgd, Set<String> expected) {
    String yaml = "mode: %s\ndp-sgd: %s".formatted(mode, dpSgd);
    assertThat(withReason(yaml, "in mode " + mode)).containsExactlyInAnyOrderElementsOf(expected);
    assertThat(Settings.known()).containsAll(found(yaml).keySet());
  }

  @ParameterizedTest
  @CsvSource({
    "cosine, 'step-factor'",
    "constant, 'step-factor'",
    "step, ''",
  })
  void a_factor_has_an_effect_with_the_schedule_step_alone(String schedule, String key) {
    String yaml = "schedule: " + schedule + (schedule.equals("step") ? "\nmilestones: 2" : "");
    assertThat(withReason(yaml, "but with the schedule step"))
        .isEqualTo(key.isEmpty() ? Set.of() : Set.of(key));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "mode: asymml                             | true",
        "shield: shares\\nmode: trusted-only\\nprotect: none | true",
        "target-epsilon: 8                        | false",
        "protect: weights                         | false",
        "shield: shares                           | false",
        "shield: shares\\ndp-sgd: true            | false",
      })
  void public_images_are_for_runs_that_account_for_something(String yaml, boolean without) {
    assertThat(withReason(yaml.replace("\\n", "\n"), "in a run that accounts for nothing"))
        .isEqualTo(without ? Set.of("public-data") : Set.of());
  }

  @Test
  void what_is_found_cannot_be_changed() {
    Map<String, String> found = found("mode: trusted-only");
    assertThatThrownBy(found::clear).isInstanceOf(UnsupportedOperationException.class);
  }

  @ParameterizedTest
  @CsvSource({
    "trusted-only, rank: 3",
    "trusted-only, decomposer: per-example",
    "trusted-only, trusted-layers: none",
    "trusted-only, noise-ratio: 0.5",
    "trusted-only, worker: 'unix:/w'",
    "trusted-only, chunks: 4",
    "trusted-only, worker-timeout: 9",
    "dp-only, rank: 3",
    "dp-only, decomposer: per-example",
    "dp-only, update: worker",
    "trusted-only, update: worker",
    "untrusted-only, update: worker",
    "untrusted-only, rank: 3",
    "untrusted-only, decomposer: per-example",
    "untrusted-only, noise-multiplier: 2.0",
    "untrusted-only, trusted-layers: none",
  })
  void a_file_may_set_what_has_no_effect_and_the_plan_stays(String mode, String line) {
    Settings plain = Settings.parse("run.yaml", "mode: " + mode);
    Settings set = plain.overriddenBy(Settings.parse("more.yaml", line));
    String key = line.substring(0, line.indexOf(':'));
    assertThat(Settings.withoutEffect(set.spec()))
        .isEqualTo(Settings.withoutEffect(plain.spec()))
        .containsEntry(key, "in mode " + mode);
    assertThat(Settings.of(set.spec()).text(key)).isEqualTo(set.text(key));
    ResolvedRun run = ResolvedRun.of(set.spec(), TinyImages.data(), null);
    assertThat(run.plan()).isEqualTo(ResolvedRun.of(plain.spec(), TinyImages.data(), null).plan());
  }
}
