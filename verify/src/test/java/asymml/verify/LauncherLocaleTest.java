package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The part of the launcher that sees to file names outside ASCII.
class LauncherLocaleTest {
  private static final String FIRST = "# Java names files in the locale's encoding.";

  private static String part() throws Exception {
    String launcher = Files.readString(Path.of("../asymml"));
    int from = launcher.indexOf(FIRST);
    assertThat(from).as("the launcher has such a part").isPositive();
    return launcher.substring(from, launcher.indexOf("\n\n", from) + 1);
  }

  /// What the encoding of the locale is after the launcher has seen to it.
  private static String encoding(Map<String, String> variables) throws Exception {
    ProcessBuilder shell =
        new ProcessBuilder("sh", "-eu", "-c", part() + "locale charmap").redirectErrorStream(true);
    shell.environment().keySet().removeIf(name -> name.startsWith("LC_") || name.equals("LANG"));
    shell.environment().putAll(variables);
    Process process = shell.start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    return said.strip();
  }

  @ParameterizedTest
  @CsvSource({"LC_ALL,C", "LC_ALL,POSIX", "LANG,C", "LC_CTYPE,C", "LC_ALL,xx_XX.UTF-8", "NONE,C"})
  void a_locale_without_an_encoding_becomes_utf8(String variable, String locale) throws Exception {
    assertThat(encoding(Map.of(variable, locale))).isEqualTo("UTF-8");
  }

  @Test
  void a_utf8_locale_stays() throws Exception {
    assertThat(encoding(Map.of("LANG", "C.UTF-8"))).isEqualTo("UTF-8");
    ProcessBuilder shell =
        new ProcessBuilder(
            "sh", "-eu", "-c", part() + "echo ${LC_ALL-unset} $LC_CTYPE $LC_MESSAGES $LC_NUMERIC");
    shell.environment().keySet().removeIf(name -> name.startsWith("LC_"));
    shell.environment().put("LANG", "C.UTF-8");
    try (var out = shell.start().inputReader(StandardCharsets.UTF_8)) {
      assertThat(out.readLine()).isEqualTo("unset C.UTF-8 C C");
    }
  }

  @Test
  void the_bundle_takes_this_part_over() throws Exception {
    assertThat(Files.readString(Path.of("../scripts/bundle.sh")))
        .contains("sed -n '/^# Java names files in/,/^$/p' \"$home/asymml\"");
  }
}
