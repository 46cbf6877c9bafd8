package asymml.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.PrintableText;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EscapingWriterTest {
  private static String written(String text) {
    StringWriter out = new StringWriter();
    try (PrintWriter writer = new PrintWriter(new EscapingWriter(out))) {
      writer.print(text);
    }
    return out.toString();
  }

  @ParameterizedTest
  @CsvSource({
    "0000", "0007", "0008", "000d", "001b", "007f", "0085", "009b", "061c", "200e", "200f", "2028",
    "2029", "202a", "202e", "2066", "2069"
  })
  void what_commands_a_terminal_or_turns_text_round_is_spelled_out(String hex) {
    char c = (char) Integer.parseInt(hex, 16);
    assertThat(written("cat" + c + "[31mdog" + c)).isEqualTo("cat\\u" + hex + "[31mdog\\u" + hex);
  }

  @Test
  void line_ends_of_names_are_taken_out_before() {
    assertThat(written(PrintableText.of("two\nlines\tand a tab")))
        .isEqualTo("two\\u000alines\\u0009and a tab");
  }

  @Test
  void all_else_passes() {
    String text = "tab\tline\nzażółć 猫 \ud83d\udc31 عربي \u200d \\ %d";
    assertThat(written(text)).isEqualTo(text);
  }
}
