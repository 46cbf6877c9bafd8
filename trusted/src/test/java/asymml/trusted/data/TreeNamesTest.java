package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TreeNamesTest {
  @ParameterizedTest
  @CsvSource({
    "train/cat/1.jpg, train/cat/1.jpg",
    "train\\cat\\1.jpg, train/cat/1.jpg",
    "pets\\train/cat\\, pets/train/cat/",
    "./train//cat/./1.jpg, train/cat/1.jpg",
    "/train/cat/, train/cat/",
    "C:\\data\\train\\1.jpg, data/train/1.jpg",
    "c:/train, train",
    "train/c:/1.jpg, train/c:/1.jpg",
    "./, ''",
    "/, ''",
    "a/../b, a/../b",
  })
  void one_tree_has_one_spelling(String name, String normal) {
    assertThat(TreeNames.normal(name)).isEqualTo(normal);
  }

  @Test
  void letters_with_separate_accents_are_composed() {
    String composed = "ko\u010Dka/\u00E9.jpg";
    String apart = Normalizer.normalize(composed, Normalizer.Form.NFD);
    assertThat(apart).isNotEqualTo(composed);
    assertThat(TreeNames.normal(apart)).isEqualTo(composed);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "__MACOSX/a/b.jpg",
        "a/._b.jpg",
        ".DS_Store",
        "a/Thumbs.db",
        "THUMBS.DB",
        "a/desktop.ini",
        "a/@eaDir/b/c.jpg",
        "lost+found/",
        "$RECYCLE.BIN/x",
        "System Volume Information/",
        "#recycle/a.jpg",
        "a/.hidden/b.jpg",
        "a/Icon\r",
        "a/1.jpg:Zone.Identifier",
        "a/.ipynb_checkpoints/1.jpg",
        "a/__pycache__/x",
        ".Trash-1000/x.jpg"
      })
  void what_systems_leave_behind_is_litter(String path) {
    assertThat(TreeNames.isLitter(path)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"train/cat/1.jpg", "a/b.DS_Store", "found/lost.jpg", "a/../b", "icon/1.png"})
  void what_is_data_is_no_litter(String path) {
    assertThat(TreeNames.isLitter(path)).isFalse();
  }

  @Test
  void every_string_of_bytes_is_a_name_and_distinct_ones_stay_distinct() {
    List<String> names = new ArrayList<>();
    for (int b = 0x80; b < 0x100; b++) {
      names.add(TreeNames.decode(new byte[] {'a', (byte) b}));
    }
    assertThat(new HashSet<>(names)).hasSize(128).noneMatch(n -> n.indexOf('\uFFFD') >= 0);
    assertThat(TreeNames.decode(new byte[] {'k', (byte) 0x94, 't'})).isEqualTo("k\u00F6t");
    assertThat(TreeNames.decode("k\u00F6t".getBytes(StandardCharsets.UTF_8))).isEqualTo("k\u00F6t");
  }

  @ParameterizedTest
  @ValueSource(ints = {0x07, 0x1B, 0x7F, 0x9B, 0x202E, 0x2028, 0x2066})
  void characters_that_terminals_obey_are_refused_and_shown_in_digits(int character) {
    String name = "a" + (char) character + "b";
    assertThatThrownBy(() -> TreeNames.require("x.zip", name))
        .isInstanceOf(DataException.class)
        .hasMessage(
            "x.zip: the name \"a\\u%04xb\" has a control character; rename it"
                .formatted(character));
  }
}
