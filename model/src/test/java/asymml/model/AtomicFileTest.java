package asymml.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
  @TempDir private Path directory;

  @Test
  void a_file_is_created_and_replaced_and_nothing_else_stays() throws IOException {
    Path file = directory.resolve("state");
    AtomicFile.write(file, channel -> channel.write(StandardCharsets.UTF_8.encode("a longer one")));
    AtomicFile.write(file, channel -> channel.write(StandardCharsets.UTF_8.encode("short")));
    assertThat(file).hasContent("short");
    assertOnlyHolds(file);
  }

  @Test
  void a_write_that_fails_midway_leaves_the_old_file() throws IOException {
    Path file = directory.resolve("state");
    Files.writeString(file, "old");
    assertThatThrownBy(() ->
            AtomicFile.write(
                file,
                channel -> {
                  channel.write(StandardCharsets.UTF_8.encode("half of the n"));
                  throw new IOException("No space left on device");
                }))
        .isInstanceOf(IOException.class)
        .hasMessage("cannot write " + file + ": No space left on device");
    assertThat(file).hasContent("old");
    assertOnlyHolds(file);
  }

  @Test
  void what_a_killed_writer_left_is_overwritten() throws IOException {
    Path file = directory.resolve("state");
    Files.writeString(directory.resolve("state.tmp"), "left behind by a killed process");
    AtomicFile.write(file, channel -> channel.write(StandardCharsets.UTF_8.encode("new")));
    assertThat(file).hasContent("new");
    assertOnlyHolds(file);
  }

  @Test
  void a_missing_directory_is_named_in_words() {
    Path file = directory.resolve("absent").resolve("state");
    assertThatThrownBy(() -> AtomicFile.write(file, channel -> {}))
        .isInstanceOf(IOException.class)
        .hasMessage("cannot write " + file + ": no such file or directory");
  }

  private void assertOnlyHolds(Path file) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      assertThat(files).containsExactly(file);
    }
  }
}
