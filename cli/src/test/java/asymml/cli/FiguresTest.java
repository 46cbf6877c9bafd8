package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FiguresTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "999, 999 B",
    "1000, 1.00 kB",
    "12345, 12.3 kB",
    "999499, 999 kB",
    "999500, 1.00 MB",
    "480000000, 480 MB",
    "7000000000000, 7.00 TB"
  })
  void bytes_have_three_digits(long bytes, String text) {
    assertThat(Figures.bytes(bytes)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({"0, 0:00", "59600, 1:00", "3599000, 59:59", "3600000, 1:00:00", "90061000, 25:01:01"})
  void times_are_rounded_to_seconds(long millis, String text) {
    assertThat(Figures.time(Duration.ofMillis(millis))).isEqualTo(text);
  }

  @Test
  void probabilities_sum_to_one_even_for_huge_logits() {
    double[] p = PredictCommand.softmax(new float[] {1e30f, 1e30f, -1e30f});
    assertThat(p).containsExactly(new double[] {0.5, 0.5, 0}, within(1e-12));
  }
}
