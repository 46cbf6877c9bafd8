package asymml.study;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DecimalTest {
  @ParameterizedTest
  @CsvSource({
    "0.3, 0.3",
    "1.0, 1",
    "0.0, 0",
    "-2.0, -2",
    "1.0E-5, 1e-5",
    "1.5E-7, 1.5e-7",
    "2.0E10, 2e10",
    "0.1, 0.1",
    "100.0, 100",
    "NaN, NaN",
    "Infinity, Infinity"
  })
  void a_number_has_all_of_its_digits_and_no_more(double value, String text) {
    assertThat(Decimal.plain(value)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({"0.1", "0.30000000000000004", "1e-300", "123456789.125", "3", "-7.25"})
  void it_can_be_read_back(double value) {
    assertThat(Double.parseDouble(Decimal.plain(value))).isEqualTo(value);
  }
}
