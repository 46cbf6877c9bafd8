package asymml.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScreenTest {
  private static final String RED = "\u001b[1;31m";
  private static final String YELLOW = "\u001b[1;33m";
  private static final String PLAIN = "\u001b[0m";

  @Test
  void colour_is_on_for_a_terminal_that_has_it() {
    assertThat(Screen.of(100, Map.of("TERM", "xterm"))).isEqualTo(new Screen(100, true));
  }

  @Test
  void colour_is_off_with_no_color_on_a_dumb_terminal_and_on_an_unknown_one() {
    assertThat(Screen.of(100, Map.of("TERM", "xterm", "NO_COLOR", "1")).colour()).isFalse();
    assertThat(Screen.of(100, Map.of("TERM", "dumb")).colour()).isFalse();
    assertThat(Screen.of(100, Map.of()).colour()).isFalse();
  }

  @Test
  void an_empty_no_color_does_not_count() {
    assertThat(Screen.of(100, Map.of("TERM", "xterm", "NO_COLOR", "")).colour()).isTrue();
  }

  @Test
  void a_terminal_that_does_not_tell_its_width_has_the_usual_one() {
    assertThat(Screen.of(0, Map.of()).width()).isEqualTo(80);
  }

  @ParameterizedTest
  @CsvSource({
    "worker   UNTRUSTED: local, worker   <UNTRUSTED>: local",
    "UNTRUSTEDLY, UNTRUSTEDLY",
    "untrusted, untrusted"
  })
  void the_untrusted_worker_is_yellow(String line, String marked) {
    assertThat(Highlighter.colour(line)).isEqualTo(marked.replace("<", YELLOW).replace(">", PLAIN));
  }

  @Test
  void no_privacy_and_errors_are_red() {
    assertThat(Highlighter.colour("privacy  NO PRIVACY: exact"))
        .isEqualTo("privacy  " + RED + "NO PRIVACY" + PLAIN + ": exact");
    assertThat(Highlighter.colour("asymml: no such file"))
        .isEqualTo(RED + "asymml:" + PLAIN + " no such file");
    assertThat(Highlighter.colour("see asymml: it says")).isEqualTo("see asymml: it says");
  }

  @Test
  void a_line_with_colours_keeps_its_own() {
    String line = "\u001b[1mUNTRUSTED\u001b[0m";
    assertThat(Highlighter.colour(line)).isEqualTo(line);
  }

  @Test
  void a_line_is_erased_with_all_of_its_rows_and_only_where_that_is_possible() {
    String row = "\u001b[1A\u001b[2K";
    assertThat(new Screen(80, true).erased("x".repeat(80))).isEqualTo(row + "\r");
    assertThat(new Screen(30, true).erased("x".repeat(61))).isEqualTo(row + row + row + "\r");
    assertThat(new Screen(80, false).erased("x")).isEmpty();
  }

  private static String shown(Screen screen, String... lines) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintWriter out = screen.writer(new PrintStream(bytes, true, StandardCharsets.UTF_8), "asymml");
    for (String line : lines) {
      out.println(line);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void a_writer_breaks_and_colours_each_line_at_once() {
    assertThat(shown(new Screen(22, true), "worker   UNTRUSTED: at host:9000", "next"))
        .isEqualTo("worker   " + YELLOW + "UNTRUSTED" + PLAIN + ": at\n         host:9000\nnext\n");
  }

  @Test
  void a_writer_without_colours_breaks_only() {
    assertThat(shown(new Screen(22, false), "worker   UNTRUSTED: at host:9000"))
        .isEqualTo("worker   UNTRUSTED: at\n         host:9000\n");
  }

  @Test
  void a_prompt_without_a_line_end_is_shown_when_flushed() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintWriter out =
        new Screen(10, false)
            .writer(new PrintStream(bytes, true, StandardCharsets.UTF_8), "asymml");
    out.print("working");
    out.flush();
    assertThat(bytes.toString(StandardCharsets.UTF_8)).isEqualTo("working");
    out.println(" and done");
    assertThat(bytes.toString(StandardCharsets.UTF_8)).isEqualTo("working and done\n");
  }
}
