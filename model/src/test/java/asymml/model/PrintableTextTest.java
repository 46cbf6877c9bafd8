package asymml.model;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PrintableTextTest {
  @ParameterizedTest
  @ValueSource(
      ints = {
        0, 7, 8, 9, 0xa, 0xd, 0x1b, 0x7f, 0x85, 0x9b, 0x61c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a,
        0x202e, 0x2066, 0x2069
      })
  void what_ends_a_line_commands_a_terminal_or_turns_text_round_is_spelled_out(int c) {
    String text = "cat" + (char) c + "dog";
    assertThat(PrintableText.isPrintable(text)).isFalse();
    assertThat(PrintableText.of(text)).isEqualTo("cat\\u%04xdog".formatted(c));
    assertThat(PrintableText.isPrintable(PrintableText.of(text))).isTrue();
  }

  @Test
  void all_else_stays() {
    String text = "zażółć 猫 \ud83d\udc31 عربي \u200d \\ %d \\u000a";
    assertThat(PrintableText.isPrintable(text)).isTrue();
    assertThat(PrintableText.of(text)).isSameAs(text);
  }
}
