package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlanCommandTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--energy 0 | energy must be above 0 and below 1: 0.0",
        "--energy 1 | energy must be above 0 and below 1: 1.0",
        "--steps 0 | must be at least 1",
        "--batch-size 0 | must be at least 1",
        "--threads 0 | must be at least 1",
        "--trusted-layers conv9 | is no linear layer of cnn",
        "--model alexnet | alexnet"
      })
  void a_mistake_is_told_in_one_line(String arguments, String message) {
    String model = arguments.startsWith("--model") ? "" : "--model cnn ";
    Outcome outcome = Outcome.of(("plan --limit-train 32 " + model + arguments).split(" "));
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err()).contains(message).hasLineCount(1);
  }
}
