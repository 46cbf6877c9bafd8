package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A test says the same on a busy machine: what it waits for is an event, and how long that took is
/// no part of its claim. Each rule holds for the sources of all tests, and catches the lines that
/// are marked as its breaches in `violations`, and no others.
class TestSourcesTest {
  private static final Map<String, Pattern> RULES =
      Map.of(
          "no test sleeps",
          // Minutes guard against hanging.
          Pattern.compile(
              "\\.sleep\\(|\\.park(Nanos|Until)\\(|delayedExecutor\\((?!\\d+, TimeUnit\\.MINUTES)"),
          "no test measures time",
          Pattern.compile(
              "\\.(nanoTime|currentTimeMillis|getCurrentThreadCpuTime)\\(|Instant\\.now\\("),
          "no test limits time",
          Pattern.compile(
              "\\bassertTimeout\\w*\\(|@Timeout\\(|\\.(succeeds|fails)Within\\(|\\.orTimeout\\("));

  private static final String VIOLATIONS = "/asymml/verify/violations/";
  private static final Path PRODUCT =
      Objects.requireNonNull(Path.of("").toAbsolutePath().getParent());

  static Stream<String> rules() {
    return RULES.keySet().stream();
  }

  private static List<Path> sources(boolean violations) throws IOException {
    List<Path> found = new ArrayList<>();
    try (Stream<Path> modules = Files.list(PRODUCT)) {
      for (Path tests : modules.map(module -> module.resolve("src/test/java")).toList()) {
        if (Files.isDirectory(tests)) {
          try (Stream<Path> files = Files.walk(tests)) {
            files
                .filter(file -> file.toString().endsWith(".java"))
                .filter(file -> file.toString().contains(VIOLATIONS) == violations)
                .forEach(found::add);
          }
        }
      }
    }
    return found;
  }

  /// The lines that break a rule, with file and number.
  private static List<String> breaches(String rule, List<Path> sources) throws IOException {
    List<String> found = new ArrayList<>();
    for (Path source : sources) {
      List<String> lines = Files.readAllLines(source);
      for (int i = 0; i < lines.size(); i++) {
        if (Objects.requireNonNull(RULES.get(rule)).matcher(lines.get(i)).find()) {
          found.add(PRODUCT.relativize(source) + ":" + (i + 1) + " " + lines.get(i).strip());
        }
      }
    }
    return found;
  }

  @Test
  void the_tests_of_all_modules_are_looked_at() throws IOException {
    assertThat(sources(false))
        .extracting(source -> PRODUCT.relativize(source).getName(0).toString())
        .contains("wire", "kernels", "model", "privacy", "trusted", "untrusted", "cli", "verify");
  }

  @ParameterizedTest
  @MethodSource("rules")
  void holds_for_all_tests(String rule) throws IOException {
    assertThat(breaches(rule, sources(false))).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("rules")
  void catches_its_breaches_and_nothing_else(String rule) throws IOException {
    List<String> caught = breaches(rule, sources(true));
    assertThat(caught).isNotEmpty().allMatch(line -> line.endsWith("// breach: " + rule));
    long marked = 0;
    for (Path source : sources(true)) {
      marked +=
          Files.readAllLines(source).stream().filter(l -> l.endsWith("// breach: " + rule)).count();
    }
    assertThat(caught).hasSize((int) marked);
  }
}
