package asymml.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextFileTest {
  @TempDir private Path folder;

  private static void assertRefused(Path file, String why) {
    assertThatThrownBy(() -> TextFile.read(file))
        .isInstanceOf(IOException.class)
        .hasMessage("cannot read " + file + ": " + why);
  }

  @Test
  void text_is_read_as_it_was_written() throws Exception {
    Path file = Files.writeString(folder.resolve("a.yaml"), "name: Zürich\n");
    assertThat(TextFile.read(file)).isEqualTo("name: Zürich\n");
    assertThat(TextFile.read(Files.createFile(folder.resolve("empty")))).isEmpty();
  }

  @Test
  void bytes_of_another_encoding_are_named_as_such() throws Exception {
    assertRefused(
        Files.write(folder.resolve("latin"), new byte[] {'Z', (byte) 0xfc}), "not text in UTF-8");
  }

  @Test
  void what_is_too_large_takes_no_memory() throws Exception {
    String why = "larger than 4 MB, which no such file is";
    assertRefused(Files.write(folder.resolve("large"), new byte[TextFile.MOST_BYTES + 1]), why);
    Path endless = Path.of("/dev/zero");
    assumeTrue(Files.exists(endless));
    assertRefused(endless, why);
  }

  @Test
  void a_missing_file_and_a_folder_have_a_reason() {
    assertRefused(folder.resolve("none"), "no such file or directory");
    assertThatThrownBy(() -> TextFile.read(folder)).hasMessageStartingWith("cannot read " + folder);
  }
}
