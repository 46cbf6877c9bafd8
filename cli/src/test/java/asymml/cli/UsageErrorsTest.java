package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import asymml.session.InvalidSpecException;
import asymml.session.Settings;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/// Wrong usage of any command is one line on stderr that names the command, and exit code 2.
class UsageErrorsTest {
  private static Outcome wrong(String line) {
    Outcome outcome = Outcome.of(line.split(" "));
    assertThat(outcome.code()).as(outcome.err()).isEqualTo(2);
    assertThat(outcome.out()).isEmpty();
    assertThat(outcome.err()).startsWith("asymml: ").hasLineCount(1);
    return outcome;
  }

  /// What a command cannot do without: 1 is a number and the name of a file.
  private static String required(CommandSpec command) {
    return Stream.concat(
            command.options().stream()
                .filter(OptionSpec::required)
                .map(option -> " " + option.longestName() + " 1"),
            command.positionalParameters().stream()
                .filter(parameter -> parameter.arity().min() > 0)
                .map(_ -> " 1"))
        .collect(Collectors.joining());
  }

  static List<CommandSpec> commands() {
    return CommandTreeTest.ownCommands().toList();
  }

  @ParameterizedTest
  @MethodSource("commands")
  void an_option_that_does_not_exist_is_named(CommandSpec command) {
    String name = command.qualifiedName(" ");
    String words = name.replaceFirst("asymml ?", "") + required(command);
    assertThat(wrong((words + " --no-such-option").strip()).err())
        .contains("--no-such-option", "(see '" + name + " --help')");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "eval",
        "predict",
        "predict --run r",
        "report",
        "attack",
        "attack --recording f",
        "analyze rank",
        "analyze masks",
        "privacy epsilon --steps 10",
        "privacy epsilon --noise-multiplier 1",
        "privacy noise --steps 10",
        "privacy noise --target-epsilon 1",
        "privacy steps --target-epsilon 1",
        "privacy steps --noise-multiplier 1",
        "privacy ledger"
      })
  void what_is_missing_is_named(String line) {
    assertThat(wrong(line).err())
        .containsAnyOf("Missing required", "is missing", "give --recording");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "train --epochs many                                    | --epochs",
        "train --shield wall                                    | --shield",
        "train --weight-gradient sampled:2                      | --weight-gradient",
        "train --resume                                         | --resume needs",
        "train --plan manual                                    | --plan 'manual'",
        "eval --run r --batch-size 0                            | --batch-size must be at least 1",
        "eval --run r --limit-test none                         | --limit-test",
        "eval --run r --threads 0                               | --threads must be at least 1",
        "predict --run r --top few i.png                        | --top",
        "analyze rank --run r --images 0                        | images must be at least 1",
        "analyze rank --run r --threads -1                      | --threads must be at least 1",
        "analyze masks --run r --images 0                       | images must be at least 1",
        "analyze masks --run r --noise-multiplier 0             | noise multiplier must be 0.001",
        "analyze masks --run r --ranks some                     | --ranks",
        "analyze tradeoff --noise loud                          | --noise",
        "analyze tradeoff --norm layer                          | 'layer' is none of batch, group",
        "attack --layers some                                   | --layers",
        "attack --suite --plans none                            | --plans 'none' is none of",
        "attack --recording f --truth r --attack guess          | --attack 'guess' is none of",
        "plan --worker gpu                                      | 'gpu' is neither local nor cuda:N",
        "plan --progress loud                                   | --progress",
        "bench --modes fast                                     | 'fast' is none of",
        "bench --sweep colour:1                                 | --sweep",
        "bench --chunks 17                                      | chunks must be 1 to 16: 17",
        "bench --shield shares --chunks 2                       | masks are made for a whole batch",
        "bench --weight-gradient sampled:1/4                    | --weight-gradient",
        "models --classes several                               | --classes",
        "env now                                                | 'now'",
        "worker --device tpu                                    | a program of its own",
        "privacy epsilon --noise-multiplier loud --steps 1      | 'loud' is no number",
        "privacy epsilon --noise-multiplier 1 --steps 1 --delta 0 | delta must be above 0",
        "privacy epsilon --noise-multiplier 1 --steps 1 --releases 0 | --releases must be at least 1",
        "privacy epsilon --noise-multiplier 1 --steps 1 --accountant abacus | is none of pld, rdp, gaussian",
        "privacy epsilon --noise-multiplier 1 --steps 1 --sampling-rate 0.5 --accountant gaussian | --accountant gaussian: ",
        "privacy noise --target-epsilon Infinity --steps 1      | epsilon must be finite",
        "privacy steps --target-epsilon 1 --noise-multiplier 1 --sampling-rate 2 | --sampling-rate",
        "privacy compare --delta tiny                           | --delta",
        "privacy compare --noise-ratio 1                        | go with --train"
      })
  void a_bad_value_is_named(String line, String said) {
    assertThat(wrong(line).err()).contains(said == null ? "" : said);
  }

  @Test
  void findings_name_the_flags_and_what_mends_them() {
    Settings settings = new Settings(Map.of("wire", "bfloat16", "model", "cnn"));
    InvalidSpecException e = catchThrowableOfType(InvalidSpecException.class, settings::spec);
    assertThat(UsageErrors.of(e)).endsWith("(use --wire float32, or --worker tls:HOST:PORT)");
  }

  @Test
  void a_setting_of_a_file_is_told_apart_from_one_of_the_command_line() {
    Settings settings = new Settings(Map.of("model", "alexnet"));
    InvalidSpecException e = catchThrowableOfType(InvalidSpecException.class, settings::spec);
    assertThat(UsageErrors.of(e)).startsWith("--model: 'alexnet' is none of cnn");
    assertThat(UsageErrors.of(e, settings)).endsWith(", in the YAML file");
  }
}
