package asymml.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class PrefixWriterTest {
  private final StringWriter text = new StringWriter();
  private final PrintWriter out = new PrintWriter(new PrefixWriter(text, "mark: "), true);

  @Test
  void every_line_is_marked_however_it_is_written() {
    out.print("a");
    out.print("b\nc");
    out.println("d");
    out.println();
    out.printf("%s%n%s", "e", "f");
    out.flush();
    assertThat(text).hasToString("mark: ab\nmark: cd\nmark: \nmark: e\nmark: f");
  }

  @Test
  void parts_of_an_array_are_written_and_an_empty_text_is_not() throws IOException {
    try (PrefixWriter writer = new PrefixWriter(text, "> ")) {
      writer.write("xabcx".toCharArray(), 1, 3);
      writer.write("\n");
      writer.write("");
    }
    assertThat(text).hasToString("> abc\n");
  }
}
