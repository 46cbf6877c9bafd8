package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Suites that were changed by hand or cut: each fault is named with the file.
class DamagedSuiteTest {
  @TempDir Path folder;

  @BeforeEach
  void write() throws IOException {
    ReportedSuite.write(folder);
  }

  private Path file() {
    return folder.resolve("attacks.json");
  }

  private Map<String, Object> facts() throws IOException {
    return new LinkedHashMap<>(RunFile.read(file()));
  }

  /// Changes the first entry of a list.
  private void change(String list, String key, Object value) throws IOException {
    Map<String, Object> facts = facts();
    List<Object> entries = new ArrayList<>((List<?>) Objects.requireNonNull(facts.get(list)));
    Map<Object, Object> first = new LinkedHashMap<>((Map<?, ?>) entries.getFirst());
    first.put(key, value);
    entries.set(0, first);
    facts.put(list, entries);
    RunFile.write(file(), facts);
  }

  private void assertRefused(String why) {
    assertThatThrownBy(() -> ReportedAttacks.read(folder))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "%s is no attack suite of this program: %s; move it away".formatted(file(), why));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "notice",
        "command",
        "model",
        "data",
        "images",
        "batch",
        "epochs",
        "seed",
        "seconds",
        "complete",
        "plans",
        "attacks",
        "table",
        "scores",
        "notes",
        "pictures",
        "format"
      })
  void a_missing_fact_is_named(String key) throws Exception {
    Map<String, Object> facts = facts();
    facts.remove(key);
    RunFile.write(file(), facts);
    assertRefused("no usable '" + key + "'");
  }

  @ParameterizedTest
  @CsvSource({
    "plans, name", "plans, words", "plans, seconds", "attacks, name", "attacks, title",
    "attacks, source", "attacks, reads", "attacks, cost", "scores, plan", "scores, attack",
    "scores, layer", "scores, measure", "table, measure", "notes, plan", "notes, text",
    "pictures, file", "pictures, caption", "pictures, plan", "pictures, attack"
  })
  void an_entry_with_something_else_is_named(String list, String key) throws Exception {
    change(list, key, true);
    assertRefused("no usable '" + key + "'");
  }

  @ParameterizedTest
  @ValueSource(strings = {"value", "chance", "best", "deviation"})
  void a_score_that_is_neither_number_nor_infinite_is_refused(String key) throws Exception {
    change("scores", key, false);
    assertRefused("no usable '" + key + "'");
    change("scores", key, "much");
    assertThatThrownBy(() -> ReportedAttacks.read(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is no attack suite of this program")
        .hasMessageContaining("much");
  }

  /// An image that comes back exactly has an infinite PSNR, which JSON has as text.
  @Test
  void a_score_without_bound_is_read() throws Exception {
    change("scores", "best", Double.POSITIVE_INFINITY);
    ReportedAttacks.Score score = ReportedAttacks.read(folder).scores().getFirst();
    assertThat(score.best()).isInfinite();
    assertThat(score.share()).isZero();
    change("scores", "value", Double.POSITIVE_INFINITY);
    assertThat(ReportedAttacks.read(folder).scores().getFirst().share()).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/etc/passwd", "../../x.png", "pictures/../../x.png"})
  void a_picture_elsewhere_is_refused(String name) throws Exception {
    change("pictures", "file", name);
    assertRefused("a picture outside of its directory: " + name);
  }

  @Test
  void a_picture_that_was_cut_is_refused() throws Exception {
    Files.write(folder.resolve(ReportedSuite.PICTURE), new byte[] {(byte) 0x89, 'P', 'N'});
    assertRefused(ReportedSuite.PICTURE + " is no PNG picture");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "null", "17"})
  void a_file_without_an_object_is_no_suite(String content) throws Exception {
    Files.writeString(file(), content);
    assertThatThrownBy(() -> ReportedAttacks.read(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("attacks.json")
        .hasMessageNotContaining("\n");
  }

  @Test
  void a_suite_that_is_not_there_is_named() {
    assertThatThrownBy(() -> ReportedAttacks.read(folder.resolve("gone")))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("cannot read ")
        .hasMessageContaining("attacks.json");
  }
}
