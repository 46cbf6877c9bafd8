package asymml.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class LineBreakerTest {
  private static final LineBreaker BREAKER = new LineBreaker(30, "./asymml");

  @Test
  void a_line_that_fits_stays() {
    String line = "x".repeat(10) + " " + "y".repeat(19);
    assertThat(BREAKER.lines(line)).containsExactly(line);
    assertThat(BREAKER.lines("")).containsExactly("");
  }

  @Test
  void a_long_line_breaks_at_words() {
    assertThat(BREAKER.lines("one two three four five six seven eight"))
        .containsExactly("one two three four five six", "seven eight");
  }

  @Test
  void what_follows_a_label_stays_beside_it() {
    assertThat(BREAKER.lines("privacy  the weights are sent unprotected to a worker"))
        .containsExactly(
            "privacy  the weights are sent", "         unprotected to a", "         worker");
  }

  @Test
  void the_last_column_of_a_table_goes_on_below_itself() {
    assertThat(BREAKER.lines("gradients  none  sent unprotected to"))
        .containsExactly("gradients  none  sent", "           unprotected to");
  }

  @Test
  void a_word_longer_than_the_width_stays_whole() {
    String path = "/" + "x".repeat(40);
    assertThat(BREAKER.lines("written to " + path + " just now"))
        .containsExactly("written to", path, "just now");
  }

  @Test
  void a_command_to_copy_is_not_broken() {
    String command = "  ./asymml predict --run runs/a-long-name IMAGE...";
    assertThat(BREAKER.lines(command)).containsExactly(command);
  }

  @Test
  void json_is_not_broken() {
    String json = "  \"notice\" : \"private statistics of private images\"";
    assertThat(BREAKER.lines(json)).containsExactly(json);
  }

  @Test
  void no_word_is_lost_or_added_and_no_line_is_too_long() {
    Random random = new Random(11);
    for (int i = 0; i < 2000; i++) {
      StringBuilder line = new StringBuilder();
      for (int words = random.nextInt(20); words >= 0; words--) {
        line.append("x".repeat(1 + random.nextInt(9)))
            .append(" ".repeat(random.nextInt(6) == 0 ? 3 : 1));
      }
      String text = line.toString().stripTrailing();
      LineBreaker breaker = new LineBreaker(24 + random.nextInt(30), "./asymml");
      assertThat(String.join(" ", breaker.lines(text)).split(" +")).isEqualTo(text.split(" +"));
      assertThat(breaker.lines(text))
          .allMatch(each -> each.length() <= breaker.width() && !each.endsWith(" "));
    }
  }
}
