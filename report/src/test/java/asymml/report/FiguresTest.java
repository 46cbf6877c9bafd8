package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Random;
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

  @ParameterizedTest
  @CsvSource({
    "0, 0, 0",
    "3, 3, 3",
    "2.5943634, 2.5944, 2.5943",
    "0.99999999, 1, 0.99999",
    "1.1, 1.1, 1.1",
    "123456.7, 123460, 123450",
    "1.23456789e-9, 1.2346e-9, 1.2345e-9",
    "1.7976931348623157e300, 1.7977e300, 1.7976e300"
  })
  void bounds_are_rounded_to_five_digits_away_from_danger(double value, double up, double down) {
    assertThat(Figures.roundedUp(value)).isEqualTo(up).isGreaterThanOrEqualTo(value);
    assertThat(Figures.roundedDown(value)).isEqualTo(down).isLessThanOrEqualTo(value);
  }

  @Test
  void rounding_twice_is_rounding_once_and_the_next_number_is_a_last_digit_away() {
    Random random = new Random(7);
    for (int i = 0; i < 10_000; i++) {
      double value = Math.exp(40 * random.nextDouble() - 20);
      double up = Figures.roundedUp(value);
      double down = Figures.roundedDown(value);
      assertThat(Figures.roundedUp(up)).isEqualTo(up);
      assertThat(Figures.roundedDown(up)).isEqualTo(up);
      assertThat(Figures.roundedUp(Math.nextUp(down))).isEqualTo(up);
      assertThat(Figures.roundedDown(Math.nextDown(up))).isEqualTo(down);
      assertThat(up - down).isBetween(0.999e-5 * value, 1.001e-4 * value);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "3, 3",
    "0.5, 0.5",
    "2.3796, 2.3796",
    "1e-5, 1e-5",
    "1.5e-12, 1.5e-12",
    "1e6, 1000000",
    "1.2345e7, 1.2345e7",
    "0.004266666666666667, 0.004266666666666667"
  })
  void plain_numbers_can_be_read_back(double value, String text) {
    assertThat(Figures.plain(value)).isEqualTo(text);
    assertThat(Double.parseDouble(text)).isEqualTo(value);
  }
}
