package asymml.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class ArgumentsTest {
  @Test
  void settings_and_options_of_spark_are_told_apart() {
    Arguments arguments =
        Arguments.parse(
            List.of(
                "--master", "local[2]", "--model=cnn", "--dp-sgd", "--no-augment", "--conf",
                "spark.a=b=c", "--partitions", "3"));
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
    assertThatThrownBy(() -> Arguments.parse(List.of("--model")))
        .hasMessage("--model needs a value");
    assertThatThrownBy(() -> Arguments.parse(List.of("--partitions", "x")).partitions())
        .hasMessage("--partitions is a whole number: x");
  }
}
