package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShellWordTest {
  @Test
  void plain_words_stay_as_they_are() {
    assertThat(ShellWord.of(Path.of("runs/20260101-1200-cnn"))).isEqualTo("runs/20260101-1200-cnn");
    assertThat(ShellWord.of("./asymml")).isEqualTo("./asymml");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a b", "it's", "$HOME", "`id`", "a;b", "a&b", "*", "~/x", "a\\b", "\"", "'", "é", ""
      })
  void a_shell_reads_back_what_was_quoted(String text) throws Exception {
    Process shell = new ProcessBuilder("sh", "-c", "printf %s " + ShellWord.of(text)).start();
    assertThat(new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
        .isEqualTo(text);
  }

  @Test
  void a_path_is_never_an_option() {
    assertThat(ShellWord.of("-rf x")).isEqualTo("'./-rf x'");
  }
}
