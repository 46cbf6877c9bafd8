package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MetadataTest {
  private static final Path FILE = Path.of("some.safetensors");

  private static Metadata of(String value) {
    return new Metadata(FILE, Map.of("key", value));
  }

  private static void assertBroken(ThrowingCallable read, String how) {
    assertThatThrownBy(read)
        .isInstanceOf(UncheckedIOException.class)
        .cause()
        .isInstanceOf(IOException.class)
        .hasMessage(FILE + " is no checkpoint of this program: it " + how);
  }

  @Test
  void a_key_that_is_missing_is_named_whatever_is_asked_of_it() {
    Metadata empty = new Metadata(FILE, Map.of("other", "1"));
    assertBroken(() -> empty.text("key"), "lacks 'key'");
    assertBroken(() -> empty.number("key"), "lacks 'key'");
    assertBroken(() -> empty.smallNumber("key"), "lacks 'key'");
    assertBroken(() -> empty.real("key"), "lacks 'key'");
  }

  @Test
  void counts_are_read_over_their_whole_range() {
    for (long value : new long[] {0, 1, Integer.MAX_VALUE, 1L << 31, Long.MAX_VALUE}) {
      assertThat(of(Long.toString(value)).number("key")).isEqualTo(value);
    }
    assertThat(of("2147483647").smallNumber("key")).isEqualTo(Integer.MAX_VALUE);
    assertBroken(() -> of("2147483648").smallNumber("key"), "has too large a number in 'key'");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " 1", "1.0", "1e3", "0x10", "9223372036854775808", "one", "1L"})
  void what_is_no_count_is_refused(String text) {
    assertBroken(() -> of(text).number("key"), "has no whole number in 'key'");
    assertBroken(() -> of(text).smallNumber("key"), "has no whole number in 'key'");
  }

  @ParameterizedTest
  @ValueSource(strings = {"-1", "-9223372036854775808"})
  void a_count_below_0_is_refused(String text) {
    assertBroken(() -> of(text).number("key"), "has a negative number in 'key'");
    assertBroken(() -> of(text).smallNumber("key"), "has a negative number in 'key'");
  }

  @Test
  void what_a_double_prints_is_read_back_to_the_bit() {
    SplittableRandom random = new SplittableRandom(12);
    for (int i = 0; i < 2000; i++) {
      double value = Double.longBitsToDouble(random.nextLong());
      if (Double.isFinite(value)) {
        assertThat(Double.doubleToRawLongBits(of(Double.toString(value)).real("key")))
            .isEqualTo(Double.doubleToRawLongBits(value));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"NaN", "Infinity", "-Infinity", "1e999"})
  void what_is_not_finite_is_refused(String text) {
    assertBroken(() -> of(text).real("key"), "has no finite number in 'key'");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "1,5", "one", "1e"})
  void what_is_no_number_is_refused(String text) {
    assertBroken(() -> of(text).real("key"), "has no number in 'key'");
  }

  @Test
  void an_epoch_s_totals_come_back_and_each_of_them_is_needed() {
    EpochTotals totals =
        new EpochTotals(
            4, 1L << 33, 0.1 + 0.7, 17, 1e-9, new EpochTotals.Cost(0.25, 1e300, 3, 1L << 50));
    Map<String, String> saved = new HashMap<>();
    totals.save(saved);
    assertThat(EpochTotals.restore(new Metadata(FILE, saved))).isEqualTo(totals);
    assertThat(saved).hasSize(9);
    for (String key : saved.keySet()) {
      Map<String, String> lacking = new HashMap<>(saved);
      lacking.remove(key);
      assertBroken(() -> EpochTotals.restore(new Metadata(FILE, lacking)), "lacks '" + key + "'");
      Map<String, String> swapped = new HashMap<>(saved);
      swapped.put(key, "4711");
      // No two of them are taken from one key.
      assertThat(EpochTotals.restore(new Metadata(FILE, swapped))).isNotEqualTo(totals);
    }
  }
}
