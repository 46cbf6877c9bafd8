package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import asymml.trusted.data.DataException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What arguments of `predict` stand for; contents are not looked at.
class ImagePathsTest {
  @TempDir private Path folder;

  @BeforeEach
  void write() throws IOException {
    for (String name :
        List.of("b.png", "a.JPG", "notes.txt", ".hidden.png", "deep/c.jpeg", "deep/er/d.png")) {
      Path file = folder.resolve(name);
      Files.createDirectories(file.getParent());
      Files.createFile(file);
    }
    Files.createDirectories(folder.resolve("empty"));
  }

  private List<String> found(String... arguments) throws DataException {
    return new ImagePaths(Stream.of(arguments).map(a -> folder + "/" + a).toList())
        .images().stream().map(image -> folder.relativize(image).toString()).toList();
  }

  @Test
  void a_folder_stands_for_all_images_below_it_in_the_order_of_their_names() throws Exception {
    assertThat(found("")).containsExactly("a.JPG", "b.png", "deep/c.jpeg", "deep/er/d.png");
    assertThat(new ImagePaths(List.of(folder.toString())).others()).isEqualTo(1);
  }

  @Test
  void arguments_keep_their_order_and_a_file_may_have_any_name() throws Exception {
    assertThat(found("notes.txt", "deep", "a.JPG"))
        .containsExactly("notes.txt", "deep/c.jpeg", "deep/er/d.png", "a.JPG");
    // Whether it exists is found out where it is read.
    assertThat(found("missing.png")).containsExactly("missing.png");
  }

  @ParameterizedTest
  @CsvSource({
    "*.png, .hidden.png b.png",
    "**.png, .hidden.png b.png deep/er/d.png",
    "deep/*, deep/c.jpeg",
    "'{a,b}.*', a.JPG b.png",
    "dee[p]/er/?.png, deep/er/d.png"
  })
  void a_pattern_stands_for_the_files_that_match(String pattern, String files) throws Exception {
    assertThat(found(pattern)).containsExactly(files.split(" "));
  }

  /// Such as lost+found.
  @Test
  void a_folder_that_cannot_be_read_does_not_hide_the_others() throws Exception {
    Path closed = Files.createDirectory(folder.resolve("closed"));
    Files.createFile(closed.resolve("x.png"));
    Files.setPosixFilePermissions(closed, Set.of());
    try {
      assumeFalse(Files.isReadable(closed), "the superuser reads all");
      assertThat(found("**.png")).containsExactly(".hidden.png", "b.png", "deep/er/d.png");
      assertThat(found("*.png")).containsExactly(".hidden.png", "b.png");
    } finally {
      Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("rwx------"));
    }
  }

  @Test
  void what_names_nothing_is_refused() {
    assertThatThrownBy(() -> found("empty"))
        .isInstanceOf(DataException.class)
        .hasMessage(folder + "/empty holds no .jpg, .jpeg or .png files");
    assertThatThrownBy(() -> found("*.gif"))
        .isInstanceOf(DataException.class)
        .hasMessage("no file matches " + folder + "/*.gif");
    assertThatThrownBy(() -> found("nowhere/*.png"))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("no file matches ");
    assertThatThrownBy(() -> found("{a.png"))
        .isInstanceOf(DataException.class)
        .hasMessageEndingWith(" is neither a file nor a pattern of file names");
  }
}
