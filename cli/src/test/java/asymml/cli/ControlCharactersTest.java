package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Names with line ends and commands for terminals, wherever a name comes from outside: none of
/// them begins a line or reaches the terminal.
class ControlCharactersTest {
  private static final String NAME = "a\nprivacy  epsilon 0.1\u001b[2J";
  private static final String SHOWN = "a\\u000aprivacy  epsilon 0.1\\u001b[2J";

  @TempDir static Path folder;

  private static void assertOneLine(Outcome outcome, int code) {
    assertThat(outcome.code()).as(outcome.err()).isEqualTo(code);
    assertThat(outcome.err()).hasLineCount(1).contains(SHOWN).doesNotContain("\u001b");
    assertThat(outcome.out()).doesNotContain("\nprivacy  epsilon 0.1").doesNotContain("\u001b");
  }

  static Stream<List<String>> paths() {
    return Stream.of(
        List.of("train", "--out", NAME),
        List.of("train", "--data", NAME),
        List.of("train", "--public-data", NAME),
        List.of("train", "--resume", NAME),
        List.of("train", "--config", NAME),
        List.of("train", "--tls-trust", NAME),
        List.of("eval", "--run", NAME),
        List.of("export", "--run", NAME, "--out", "x.onnx"),
        List.of("export", "--run", "x", "--out", NAME),
        List.of("report", "--run", NAME, "--out", "x.html"),
        List.of("bench", "--json", NAME));
  }

  @ParameterizedTest
  @MethodSource("paths")
  void a_path_on_the_command_line_is_refused(List<String> command) {
    assertOneLine(Outcome.of(command.toArray(String[]::new)), 2);
  }

  @Test
  void a_path_in_a_file_of_settings_is_refused() throws Exception {
    Path file = folder.resolve("run.yaml");
    Files.writeString(file, "out: \"a\\nprivacy  epsilon 0.1\\e[2J\"\n");
    assertOneLine(Outcome.of("train", "--config", file.toString()), 2);
  }

  @Test
  void an_unknown_word_on_the_command_line_is_one_line() {
    assertOneLine(Outcome.of("train", "--epochs", NAME), 2);
    assertOneLine(Outcome.of("predict", "--run", folder.toString(), NAME), 1);
  }

  @Test
  void a_class_is_refused() throws Exception {
    Path data = folder.resolve("data");
    Files.createDirectories(data.resolve("train").resolve(NAME));
    Files.createDirectories(data.resolve("test").resolve(NAME));
    assertOneLine(Outcome.of("train", "--data", data.toString()), 1);
  }

  @Test
  void a_label_of_a_table_is_refused() throws Exception {
    Path table = folder.resolve("table.csv");
    Files.writeString(table, "path,label,split\nx.png,\"" + NAME + "\",train\n");
    assertOneLine(Outcome.of("train", "--data", table.toString()), 1);
  }
}
