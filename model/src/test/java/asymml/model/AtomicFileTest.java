package asymml.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
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
  void a_symbolic_link_stays_and_what_it_leads_to_is_replaced() throws IOException {
    Path elsewhere = Files.createDirectory(directory.resolve("elsewhere"));
    Path link = directory.resolve("link");
    Files.createSymbolicLink(link, Path.of("elsewhere", "state"));
    for (String text : new String[] {"created through the link", "replaced through the link"}) {
      AtomicFile.write(link, channel -> channel.write(StandardCharsets.UTF_8.encode(text)));
      assertThat(link).isSymbolicLink().hasContent(text);
      assertThat(elsewhere.resolve("state")).isRegularFile();
    }
    assertThat(directory).isDirectoryNotContaining("glob:**.tmp");
  }

  @Test
  void links_in_a_circle_are_refused() throws IOException {
    Path one = directory.resolve("one");
    Path two = directory.resolve("two");
    Files.createSymbolicLink(one, two);
    Files.createSymbolicLink(two, one);
    assertThatThrownBy(() -> AtomicFile.write(one, channel -> {}))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("cannot write " + one + ": ");
    assertThat(one).isSymbolicLink();
  }

  @Test
  void a_device_is_written_into_and_stays_one() throws IOException {
    Path device = directory.resolve("device");
    Files.createSymbolicLink(device, Path.of("/dev/null"));
    AtomicFile.write(device, channel -> channel.write(StandardCharsets.UTF_8.encode("gone")));
    assertThat(Files.readAttributes(Path.of("/dev/null"), BasicFileAttributes.class).isOther())
        .isTrue();
    Path full = directory.resolve("full");
    Files.createSymbolicLink(full, Path.of("/dev/full"));
    assertThatThrownBy(() ->
            AtomicFile.write(full, channel -> channel.write(StandardCharsets.UTF_8.encode("x"))))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("No space left on device");
  }

  @Test
  void a_directory_is_not_replaced() throws IOException {
    Path folder = Files.createDirectory(directory.resolve("folder"));
    assertThatThrownBy(() -> AtomicFile.write(folder, channel -> {}))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("it is a directory");
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void a_missing_directory_is_named_in_words() {
    Path file = directory.resolve("absent").resolve("state");
    assertThatThrownBy(() -> AtomicFile.write(file, channel -> {}))
        .isInstanceOf(IOException.class)
        .hasMessage("cannot write " + file + ": no such file or directory");
  }

  @Test
  void a_file_is_its_owners_alone_whatever_was_there() throws IOException {
    Path file = directory.resolve("state");
    Path temporary = directory.resolve("state.tmp");
    for (Path open : new Path[] {file, temporary}) {
      Files.createFile(open);
      Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rw-rw-rw-"));
    }
    AtomicFile.write(file, channel -> channel.write(StandardCharsets.UTF_8.encode("new")));
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
  }

  private void assertOnlyHolds(Path file) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      assertThat(files).containsExactly(file);
    }
  }
}
