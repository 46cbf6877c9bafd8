package asymml.attest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.policy.PolicyFile;
import asymml.attest.policy.RunBounds;
import asymml.attest.policy.RunConfiguration;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What a policy lets a trainer declare.
class RunBoundsTest {
  private static RunBounds bounds(String run) throws Exception {
    return PolicyFile.parse("platforms: any\n" + run).run().orElseThrow();
  }

  private static List<String> refused(RunBounds bounds, Map<String, Object> changes)
      throws Exception {
    Map<String, Object> settings = new LinkedHashMap<>(KeyReleaseTest.SETTINGS);
    settings.putAll(changes);
    settings.values().remove("absent");
    return bounds.check(RunConfiguration.of(settings)).stream().map(Finding::line).toList();
  }

  @Test
  void a_run_within_the_bounds_is_accepted() throws Exception {
    RunBounds bounds = bounds(KeyReleaseTest.RUN);
    assertThat(refused(bounds, Map.of())).isEmpty();
    assertThat(refused(bounds, Map.of("noise-multiplier", 0.5, "delta", 1e-6))).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "mode | untrusted-only | run mode: found \"untrusted-only\"; expected one of [asymml]",
        "shield | residual | run shield: found \"residual\"; expected one of [shares]",
        "shield | absent | run shield: found nothing; expected one of [shares]",
        "protect | residuals | run protect: found \"residuals\"; expected all of",
        "target-epsilon | 8.01 | run target-epsilon: found 8.01; expected above 0 and at most 8.0",
        "target-epsilon | 0.0 | run target-epsilon: found 0.0; expected above 0 and at most 8.0",
        "target-epsilon | absent | run target-epsilon: found nothing; expected above 0",
        "delta | 0.001 | run delta: found 0.001; expected above 0 and at most 1.0E-5",
        "noise-multiplier | 0.49 | run noise-multiplier: found 0.49; expected at least 0.5",
        "noise-multiplier | absent | run noise-multiplier: found nothing; expected at least 0.5",
        "release-model | absent | run release-model: found nothing; expected true or false",
      })
  void what_exceeds_a_bound_or_is_not_declared_is_refused(
      String setting, String value, String expected) throws Exception {
    Object typed = value.matches("[0-9.]+") ? (Object) Double.valueOf(value) : value;
    assertThat(refused(bounds(KeyReleaseTest.RUN), Map.of(setting, typed)))
        .singleElement()
        .asString()
        .startsWith(expected)
        .contains("decided by the policy key run.");
  }

  @Test
  void a_number_as_text_is_no_number() throws Exception {
    assertThat(refused(bounds(KeyReleaseTest.RUN), Map.of("target-epsilon", "1")))
        .singleElement()
        .asString()
        .startsWith("run target-epsilon: found \"1\"");
  }

  @Test
  void a_released_model_needs_permission_and_an_epsilon_that_covers_it() throws Exception {
    Map<String, Object> released = Map.of("release-model", true);
    assertThat(refused(bounds(KeyReleaseTest.RUN), released))
        .singleElement()
        .asString()
        .startsWith("run release-model: found true; expected false");
    RunBounds permitted =
        bounds(KeyReleaseTest.RUN.replace("releaseModel: false", "releaseModel: true"));
    assertThat(refused(permitted, released))
        .singleElement()
        .asString()
        .startsWith("run dp-sgd: found nothing; expected true, since otherwise no epsilon covers");
    assertThat(refused(permitted, Map.of("release-model", true, "dp-sgd", true))).isEmpty();
  }

  @Test
  void any_in_words_bounds_nothing() throws Exception {
    RunBounds any =
        bounds("run: {modes: any, shields: any, greatestEpsilon: any, releaseModel: true}\n");
    assertThat(any.check(RunConfiguration.of(Map.of("release-model", true)))).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "run: {} | policy key run needs leastNoiseMultiplier or greatestEpsilon",
        "run: {noise: 1} | policy key run.noise is unknown",
        "run: {leastNoiseMultiplier: any} | policy key run.modes is missing",
        "'run: {leastNoiseMultiplier: any, modes: [asyml]}' | policy key run.modes[0] is none of",
        "'run: {leastNoiseMultiplier: any, modes: []}' | policy key run.modes needs at least one",
        "'run: {leastNoiseMultiplier: any, modes: any}' | policy key run.shields is missing",
        "'run: {leastNoiseMultiplier: any, modes: any, shields: any}' | run.releaseModel is missing",
        "'run: {leastNoiseMultiplier: 1, modes: any, shields: any, releaseModel: true}' | needs"
            + " protect",
        "'run: {greatestEpsilon: 8, modes: any, shields: any, releaseModel: true}' | needs"
            + " greatestDelta",
        "'run: {greatestEpsilon: high, modes: any, shields: any, releaseModel: true}' |"
            + " run.greatestEpsilon must be a number",
        "'run: {greatestEpsilon: .nan, modes: any, shields: any, releaseModel: true}' |"
            + " run.greatestEpsilon must be a number",
        "'run: {greatestEpsilon: any, greatestDelta: 0.1, modes: any, shields: any, releaseModel:"
            + " true}' | has greatestDelta without",
      })
  void a_mistake_in_the_section_is_named(String run, String message) {
    assertThatThrownBy(() -> PolicyFile.parse("platforms: any\n" + run))
        .isInstanceOf(EvidenceException.class)
        .hasMessageContaining(message)
        .satisfies(e -> assertThat(e.getMessage()).hasLineCount(1));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "{\"b\":1,\"a\":2}",
        "{\"a\":1,\"a\":1}",
        "{ \"a\":1}",
        "{\"a\":1} ",
        "{\"a\":1}{}",
        "{\"a\":1e999}",
        "{\"a\":NaN}",
        "{\"a\":null}",
        "{\"a\":{\"b\":1}}",
        "{\"a\":[[1]]}",
        "{\"a\":1.10}",
        "{\"a\":\"\\u0041\"}",
        "{\"a\":01}",
      })
  void what_is_not_canonical_is_refused(String text) {
    assertThatThrownBy(() -> RunConfiguration.parse(text.getBytes(StandardCharsets.UTF_8)))
        .isInstanceOf(EvidenceException.class)
        .satisfies(e -> assertThat(e.getMessage()).hasLineCount(1));
  }

  @Test
  void deep_or_long_values_end_in_one_line() {
    for (String text : List.of("[".repeat(60_000), "{\"a\":" + "1".repeat(60_000) + "}")) {
      assertThatThrownBy(() -> RunConfiguration.parse(text.getBytes(StandardCharsets.UTF_8)))
          .isInstanceOf(EvidenceException.class)
          .satisfies(e -> assertThat(e.getMessage()).hasLineCount(1).hasSizeLessThan(400));
    }
    assertThatThrownBy(() -> RunConfiguration.parse(new byte[65_537]))
        .hasMessage("a configuration has at most 65536 bytes: 65537");
  }

  @Test
  void the_canonical_form_does_not_depend_on_order_or_type() throws Exception {
    Map<String, Object> settings = new LinkedHashMap<>();
    settings.put("momentum", 0.9f);
    settings.put("batch-size", 64);
    settings.put("delta", 1e-5);
    settings.put("protect", List.of("weights"));
    RunConfiguration run = RunConfiguration.of(settings);
    assertThat(new String(run.text(), StandardCharsets.UTF_8))
        .isEqualTo(
            "{\"batch-size\":64,\"delta\":1.0E-5,\"momentum\":0.9,\"protect\":[\"weights\"]}");
    assertThat(RunConfiguration.parse(run.text()).digest()).isEqualTo(run.digest());
  }
}
