package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What a `privacy` command answered with `--json`.
///
/// @param json the one object that it printed
record PrivacyAnswer(JsonNode json) {
  /// Runs a command that must succeed.
  ///
  /// @param words those after `asymml privacy`, joined by spaces
  static PrivacyAnswer to(Object... words) {
    Outcome outcome = Outcome.of(arguments(Stream.concat(Stream.of(words), Stream.of("--json"))));
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out()).startsWith("{").endsWith("}\n").hasLineCount(1);
    return new PrivacyAnswer(JsonMapper.shared().readTree(outcome.out()));
  }

  /// Runs a command.
  static Outcome run(Object... words) {
    return Outcome.of(arguments(Stream.of(words)));
  }

  private static String[] arguments(Stream<?> words) {
    String line = words.map(String::valueOf).collect(Collectors.joining(" ", "privacy ", ""));
    return line.strip().split(" +");
  }

  double number(String key) {
    assertThat(json.path(key).isNumber()).as(key).isTrue();
    return json.path(key).asDouble();
  }

  long count(String key) {
    assertThat(json.path(key).isIntegralNumber()).as(key).isTrue();
    return json.path(key).asLong();
  }

  String text(String key) {
    assertThat(json.path(key).isString()).as(key).isTrue();
    return json.path(key).asString();
  }

  List<String> keys() {
    return List.copyOf(json.propertyNames());
  }
}
