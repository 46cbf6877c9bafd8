package asymml.trusted.run;

import static asymml.trusted.run.LedgerFileTest.SAMPLED;
import static asymml.trusted.run.LedgerFileTest.SHUFFLED;
import static asymml.trusted.run.LedgerFileTest.assertIsOneLine;
import static org.assertj.core.api.Assertions.assertThat;

import asymml.privacy.Ledger;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// A ledger that was damaged is an error of one line: never a smaller cost.
class LedgerFileDamageTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir private Path directory;

  private Path file() {
    return directory.resolve("ledger.json");
  }

  @Test
  void a_file_that_ends_early_is_refused_wherever_it_ends() throws IOException {
    LedgerFile.write(file(), SAMPLED);
    String whole = Files.readString(file()).strip();
    for (int length = 0; length < whole.length(); length++) {
      Files.writeString(file(), whole.substring(0, length));
      assertIsOneLine(file(), () -> LedgerFile.read(file()));
    }
    for (String other : List.of("null", "[]", "7", "\"ledger\"", "{}", "steps: 7", whole + whole)) {
      Files.writeString(file(), other);
      assertIsOneLine(file(), () -> LedgerFile.read(file()));
    }
  }

  @Test
  void a_file_without_any_one_of_its_fields_is_refused() throws IOException {
    // All fields of format, sampling, entry and releases: 5 + 4 + 2 + 5 + 4 + 4, less slots.
    assertThat(damageEach(SAMPLED, ObjectNode::remove)).isEqualTo(24);
    assertThat(damageEach(SHUFFLED, ObjectNode::remove)).isEqualTo(23);
  }

  @Test
  void a_field_of_the_wrong_kind_is_refused() throws IOException {
    damageEach(SAMPLED, (node, key) -> node.put(key, true));
    damageEach(SAMPLED, ObjectNode::putNull);
    damageEach(SAMPLED, (node, key) -> node.putArray(key).add(7));
    damageEach(SAMPLED, (node, key) -> node.set(key, JSON.createObjectNode()));
  }

  @Test
  void a_number_out_of_range_is_refused() throws IOException {
    for (String bad : List.of("-1", "-1e300", "1e999", "-9223372036854775809", "\"7\"")) {
      int damaged =
          damageEach(
              SAMPLED,
              (node, key) -> {
                if (node.get(key).isNumber()) {
                  node.set(key, JSON.readTree(bad));
                }
              });
      assertThat(damaged).isEqualTo(11);
    }
  }

  @Test
  void a_count_that_is_not_whole_or_not_a_long_is_refused() throws IOException {
    for (String bad : List.of("1.5", "300.00001", "1e19", "9223372036854775808", "0.5")) {
      int damaged =
          damageEach(
              SAMPLED,
              (node, key) -> {
                if (node.get(key).isIntegralNumber()) {
                  node.set(key, JSON.readTree(bad));
                }
              });
      // Workers, examples, batch size, slots, steps and the values of three releases.
      assertThat(damaged).isEqualTo(8);
    }
  }

  @Test
  void a_word_that_is_not_in_use_is_refused() throws IOException {
    for (String key : List.of("format", "kind", "channel")) {
      for (String word : List.of("asymml-ledger-3", "RESIDUALS", "Poisson", "", "shuffled")) {
        int damaged =
            damageEach(
                SAMPLED,
                (node, name) -> {
                  if (name.equals(key)) {
                    node.put(name, word);
                  }
                });
        assertThat(damaged).isEqualTo(key.equals("channel") ? 3 : 1);
      }
    }
  }

  @Test
  void a_release_with_two_mechanisms_is_not_read_as_the_better_one() throws IOException {
    for (String other : List.of("noiseMultiplier", "postProcessing", "uncovered")) {
      int damaged =
          damageEach(
              SAMPLED,
              (node, key) -> {
                if (key.equals("values") && !node.has(other)) {
                  node.put("clipNorm", 1.0);
                  node.set(other, JSON.readTree(other.startsWith("noise") ? "0.5" : "\"x\""));
                }
              });
      assertThat(damaged).isEqualTo(2);
    }
  }

  @Test
  void numbers_that_contradict_each_other_are_refused() throws IOException {
    BiConsumer<ObjectNode, String> tooFewSlots =
        (node, key) -> {
          if (key.equals("slots")) {
            node.put(key, 255);
          }
        };
    assertThat(damageEach(SAMPLED, tooFewSlots)).isEqualTo(1);
    BiConsumer<ObjectNode, String> tooFewExamples =
        (node, key) -> {
          if (key.equals("examples")) {
            node.put(key, 255);
          }
        };
    assertThat(damageEach(SHUFFLED, tooFewExamples)).isEqualTo(1);
  }

  /// Damages one field at a time and expects one line.
  ///
  /// @return how many fields the damage changed
  private int damageEach(Ledger ledger, BiConsumer<ObjectNode, String> damage) throws IOException {
    LedgerFile.write(file(), ledger);
    JsonNode whole = JSON.readTree(Files.readString(file()));
    int damaged = 0;
    for (int i = 0; i < objects(whole).size(); i++) {
      for (String key : objects(whole).get(i).propertyNames()) {
        JsonNode copy = whole.deepCopy();
        damage.accept(objects(copy).get(i), key);
        if (!copy.equals(whole)) {
          damaged++;
          Files.writeString(file(), JSON.writeValueAsString(copy));
          assertIsOneLine(file(), () -> LedgerFile.read(file()));
        }
      }
    }
    return damaged;
  }

  private static List<ObjectNode> objects(JsonNode node) {
    List<ObjectNode> found = new ArrayList<>();
    if (node instanceof ObjectNode object) {
      found.add(object);
    }
    node.values().forEach(inner -> found.addAll(objects(inner)));
    return found;
  }
}
