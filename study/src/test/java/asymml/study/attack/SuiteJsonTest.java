package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.analysis.score.Score;
import asymml.study.attack.SuiteResult.Note;
import asymml.study.attack.SuiteResult.Picture;
import asymml.trusted.run.RunFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Results of plans as JSON, and what is said of those that were changed.
class SuiteJsonTest {
  private static final SuiteResult RESULT =
      new SuiteResult(
          "noise-0.3",
          "as base, noise 0.3 of the residual",
          Map.of("epochs", "2"),
          OptionalDouble.of(0.25),
          7.5,
          List.of(
              new Score("mask", "conv1", "activation cosine", 0.5, 0, 1, 0.0625),
              new Score("mask", "conv2", "activation cosine", 0.75, 0, 1, 0.0625),
              new Score("image", "conv1", "mask: PSNR, dB", 12, 11, Double.POSITIVE_INFINITY, 0)),
          List.of(new Note("image", "first"), new Note("image", "last")),
          List.of(new Picture("pictures/a.png", "words", "image", 72, 208)));

  @TempDir Path folder;

  /// As it is read from a file.
  private Map<String, Object> json() throws Exception {
    Path file = folder.resolve("plan.json");
    RunFile.write(file, SuiteJson.of(RESULT));
    return RunFile.read(file);
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> object(Object value) {
    return (Map<String, Object>) value;
  }

  /// The first entry of a list, to be changed in place.
  private static Map<String, Object> entry(Map<String, Object> json, String list) {
    List<Object> entries = new ArrayList<>((List<?>) json.get(list));
    Map<String, Object> first = new LinkedHashMap<>(object(entries.getFirst()));
    entries.set(0, first);
    json.put(list, entries);
    return first;
  }

  @Test
  void a_result_is_read_from_its_file_as_it_was() throws Exception {
    assertThat(SuiteJson.read(json())).isEqualTo(RESULT);
  }

  @Test
  void a_file_says_that_it_is_private() throws Exception {
    assertThat(json())
        .containsEntry("notice", AttackReport.NOTICE)
        .containsEntry("plan", "noise-0.3");
  }

  @Test
  void training_that_diverged_has_no_accuracy() throws Exception {
    Map<String, Object> json = json();
    Map<String, Object> facts =
        new LinkedHashMap<>(object(Objects.requireNonNull(json.get("facts"))));
    facts.remove("trainAccuracy");
    json.put("facts", facts);
    assertThat(SuiteJson.read(json).trainAccuracy()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "facts, 'it is no result of a plan'",
    "scores, 'it is no result of a plan'",
    "notes, 'it is no result of a plan'",
    "pictures, 'it is no result of a plan'",
    "plan, '''plan'' is missing'"
  })
  void a_part_that_is_missing_or_something_else_is_told(String part, String message)
      throws Exception {
    Map<String, Object> without = json();
    without.remove(part);
    assertThatThrownBy(() -> SuiteJson.read(without))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
    Map<String, Object> other = json();
    other.put(part, 17);
    assertThatThrownBy(() -> SuiteJson.read(other))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @ParameterizedTest
  @CsvSource({
    "scores, attack",
    "scores, layer",
    "scores, measure",
    "scores, value",
    "scores, chance",
    "scores, best",
    "notes, attack",
    "notes, text",
    "pictures, file",
    "pictures, caption",
    "pictures, attack",
    "pictures, width",
    "pictures, height"
  })
  void a_key_that_an_entry_lacks_is_named(String list, String key) throws Exception {
    Map<String, Object> json = json();
    entry(json, list).remove(key);
    assertThatThrownBy(() -> SuiteJson.read(json))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("'" + key + "' is missing");
  }

  @ParameterizedTest
  @ValueSource(strings = {"value", "chance", "best"})
  void a_score_that_is_no_number_is_refused(String key) throws Exception {
    Map<String, Object> json = json();
    entry(json, "scores").put(key, "much");
    assertThatThrownBy(() -> SuiteJson.read(json))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("much");
  }

  @Test
  void entries_that_are_no_objects_are_refused() throws Exception {
    Map<String, Object> json = json();
    json.put("scores", List.of("mask"));
    assertThatThrownBy(() -> SuiteJson.read(json)).hasMessage("it is no result of a plan");
  }

  @Test
  void a_cell_is_the_strongest_score_or_the_last_note() {
    assertThat(SuiteJson.cell(RESULT, AttackName.MASK))
        .containsEntry("plan", "noise-0.3")
        .containsEntry("layer", "conv2")
        .containsEntry("value", 0.75);
    assertThat(SuiteJson.cell(RESULT, AttackName.IMAGE))
        .containsExactly(
            Map.entry("plan", "noise-0.3"),
            Map.entry("attack", "image"),
            Map.entry("note", "last"));
    assertThat(SuiteJson.cell(RESULT, AttackName.MEMBERSHIP)).containsEntry("note", "not applied");
  }

  @Test
  void every_entry_names_its_plan() {
    assertThat(SuiteJson.scores(RESULT))
        .hasSize(3)
        .allMatch(s -> "noise-0.3".equals(s.get("plan")));
    assertThat(SuiteJson.notes(RESULT)).hasSize(2).allMatch(n -> "noise-0.3".equals(n.get("plan")));
    assertThat(SuiteJson.pictures(RESULT))
        .hasSize(1)
        .allMatch(p -> "noise-0.3".equals(p.get("plan")));
  }
}
