package asymml.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.session.Settings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ArgumentsTest {
  @Test
  void settings_and_options_of_spark_are_told_apart() {
    Arguments arguments =
        Arguments.parse(
            List.of(
                "--master",
                "local[2]",
                "--model=cnn",
                "--dp-sgd",
                "--no-augment",
                "--conf",
                "spark.a=b=c",
                "--partitions",
                "3"));
    assertThat(arguments.settings())
        .containsEntry("model", "cnn")
        .containsEntry("dp-sgd", "true")
        .containsEntry("augment", "false");
    assertThat(arguments.own()).containsEntry("master", "local[2]");
    assertThat(arguments.conf()).containsEntry("spark.a", "b=c");
    assertThat(arguments.partitions()).isEqualTo(3);
  }

  @Test
  void what_is_unknown_or_incomplete_is_refused_in_a_line() {
    assertThatThrownBy(() -> Arguments.parse(List.of("--modle", "cnn")))
        .hasMessageStartingWith("unknown option --modle");
    for (String option : List.of("--validation-split", "--no-random-crop", "--worker", "--init")) {
      assertThatThrownBy(() -> Arguments.parse(List.of(option, "x")))
          .hasMessage(option + " is not for Spark: leave it out");
    }
    assertThatThrownBy(() -> Arguments.parse(List.of("--threads", "2")))
        .hasMessageContaining("spark.task.cpus");
    assertThatThrownBy(() -> Arguments.parse(List.of("--model")))
        .hasMessage("--model needs a value");
    assertThatThrownBy(() -> Arguments.parse(List.of("--partitions", "x")).partitions())
        .hasMessage("--partitions is a whole number: x");
  }

  @Test
  void every_command_line_of_the_documentation_is_accepted() throws Exception {
    Path root = Path.of("").toAbsolutePath().resolveSibling("docs").resolveSibling("README.md");
    List<String> lines = new ArrayList<>(Files.readAllLines(root));
    lines.addAll(Files.readAllLines(root.resolveSibling("docs/guide/spark.md")));
    List<String> commands =
        lines.stream()
            .map(String::strip)
            .filter(l -> l.startsWith("./asymml spark train "))
            .toList();
    assertThat(commands).hasSizeGreaterThan(2);
    for (String command : commands) {
      String options = command.replaceAll(" +#.*", "").substring("./asymml spark train ".length());
      Arguments arguments = Arguments.parse(List.of(options.replace("'", "").split(" +")));
      var _ = new Settings(arguments.settings()).without(List.of(Settings.OUT)).spec();
    }
  }
}
