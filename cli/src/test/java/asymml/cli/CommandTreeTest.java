package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/// What holds of every command, by its place below `asymml`.
class CommandTreeTest {
  /// Options that commands explain each in its own way, since they do something else with them.
  private static final Set<String> EXPLAINED_BY_EACH =
      Set.of(
          "--basis",
          "--batch-size",
          "--clip",
          "--connections",
          "--data",
          "--decomposer",
          "--delta",
          "--dp-sgd",
          "--epochs",
          "--image-size",
          "--images",
          "--inference",
          "--json",
          "--learning-rate",
          "--leases",
          "--limit-test",
          "--limit-train",
          "--listen",
          "--mode",
          "--model",
          "--noise-multiplier",
          "--noise-ratio",
          "--out",
          "--protect",
          "--public-data",
          "--rank",
          "--ranks",
          "--run",
          "--seed",
          "--shield",
          "--steps",
          "--target-epsilon",
          "--threads",
          "--tls-keystore",
          "--tls-password-file",
          "--trusted-layers",
          "--update",
          "--warm-up-epochs",
          "--worker");

  private static void add(CommandLine line, List<CommandSpec> all) {
    all.add(line.getCommandSpec());
    line.getSubcommands().values().forEach(each -> add(each, all));
  }

  static List<CommandSpec> commands() {
    List<CommandSpec> all = new ArrayList<>();
    add(Main.commandLine(), all);
    return all;
  }

  /// picocli takes them for formats, and warns in the user's terminal of those that are none.
  @ParameterizedTest
  @MethodSource("commands")
  void explanations_have_no_percent_signs(CommandSpec command) {
    Stream<String> explanations =
        Stream.concat(
            command.args().stream().flatMap(arg -> Stream.of(arg.description())),
            Stream.of(command.usageMessage().description()));
    assertThat(explanations).allSatisfy(text -> assertThat(text).doesNotContain("%"));
  }

  /// Those whose options this program reads; the worker's are read by the worker.
  static Stream<CommandSpec> ownCommands() {
    return commands().stream().filter(command -> !command.name().equals("worker"));
  }

  @Test
  void there_are_commands_for_all_tasks() {
    assertThat(commands())
        .extracting(command -> command.qualifiedName(" "))
        .contains(
            "asymml train",
            "asymml eval",
            "asymml predict",
            "asymml analyze rank",
            "asymml analyze masks",
            "asymml analyze tradeoff",
            "asymml privacy compare",
            "asymml worker");
  }

  @ParameterizedTest
  @MethodSource("commands")
  void a_command_says_what_it_does(CommandSpec command) {
    assertThat(String.join(" ", command.usageMessage().description())).endsWith(".");
  }

  @ParameterizedTest
  @MethodSource("ownCommands")
  void an_example_calls_the_command_by_its_name(CommandSpec command) {
    assertThat(String.join("\n", command.usageMessage().footer()))
        .contains("  " + command.qualifiedName(" "));
  }

  @ParameterizedTest
  @MethodSource("ownCommands")
  void an_option_says_what_it_does_and_what_its_value_is(CommandSpec command) {
    assertThat(command.options())
        .allSatisfy(option -> {
          assertThat(String.join(" ", option.description())).isNotBlank();
          assertThat(option.longestName()).matches("--[a-z]+(-[a-z]+)*");
          if (option.arity().max() > 0) {
            assertThat(option.paramLabel()).doesNotContain("<");
          }
        });
    assertThat(command.positionalParameters())
        .extracting(PositionalParamSpec::description)
        .allSatisfy(description -> assertThat(description).isNotEmpty());
  }

  @ParameterizedTest
  @MethodSource("ownCommands")
  void the_help_of_a_command_is_printed(CommandSpec command) {
    List<String> words =
        new ArrayList<>(List.of(command.qualifiedName(" ").split(" ")).subList(1, depth(command)));
    words.add("--help");
    Outcome outcome = Outcome.of(words.toArray(String[]::new));
    assertThat(outcome.code()).isZero();
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.out()).startsWith("Usage: " + command.qualifiedName(" "));
  }

  private static int depth(CommandSpec command) {
    return command.qualifiedName(" ").split(" ").length;
  }

  @Test
  void an_option_of_several_commands_is_explained_once_unless_it_is_known_to_differ() {
    Map<String, Set<String>> explanations = new TreeMap<>();
    ownCommands()
        .flatMap(command -> command.options().stream())
        .forEach(option ->
            explanations
                .computeIfAbsent(option.longestName(), _ -> new TreeSet<>())
                .add(withoutDefault(option)));
    assertThat(
            explanations.entrySet().stream()
                .filter(entry -> entry.getValue().size() > 1)
                .map(Map.Entry::getKey))
        .containsExactlyInAnyOrderElementsOf(EXPLAINED_BY_EACH);
  }

  private static String withoutDefault(OptionSpec option) {
    return String.join(" ", option.description()).replaceAll(" *\\(default: [^)]*\\)", "");
  }
}
