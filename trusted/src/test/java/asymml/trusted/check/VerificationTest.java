package asymml.trusted.check;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.wire.Encoding;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VerificationTest {
  @Test
  void texts_are_read_and_written_alike() {
    assertThat(Verification.parse("off")).isEqualTo(Verification.OFF);
    assertThat(Verification.parse("every")).isEqualTo(Verification.EVERY);
    assertThat(Verification.parse("sample:1")).isEqualTo(Verification.EVERY);
    for (String text : new String[] {"off", "every", "sample:0.25"}) {
      assertThat(Verification.parse(text)).hasToString(text);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "on",
        "sample",
        "sample:",
        "sample:0",
        "sample:-1",
        "sample:1.5",
        "sample:NaN"
      })
  void other_texts_are_refused_with_what_is_right(String text) {
    assertThatThrownBy(() -> Verification.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("must be off, every, or sample:P with P above 0 and at most 1: " + text);
  }

  @Test
  void directions_have_the_norm_of_as_many_ones_and_are_never_the_same() {
    Verifier verifier = new Verifier(Verification.EVERY, 1);
    for (int n : new int[] {1, 2, 100}) {
      verifier.begin();
      float[] first = verifier.direction(n);
      double squares = 0;
      for (float value : first) {
        squares += (double) value * value;
      }
      assertThat(squares).isCloseTo(n, within(1e-4 * n));
      verifier.begin();
      if (n > 1) {
        assertThat(Arrays.equals(first, verifier.direction(n))).isFalse();
      }
    }
  }

  /// 4000 coins at 1/4: six deviations are 164.
  @Test
  void the_share_of_steps_is_that_asked_for() {
    Verifier verifier = new Verifier(Verification.parse("sample:0.25"), 1);
    Verifier off = new Verifier(Verification.OFF, 1);
    int active = 0;
    for (int step = 0; step < 4000; step++) {
      verifier.begin();
      off.begin();
      active += verifier.active() ? 1 : 0;
      assertThat(off.active()).isFalse();
    }
    assertThat(active).isBetween(1000 - 164, 1000 + 164);
    assertThat(off.enabled()).isFalse();
  }

  @Test
  void shorter_mantissas_are_allowed_more_and_unknown_ones_the_most() {
    double strict = Rounding.of("float32", Encoding.FLOAT32).relative(576);
    double tf32 = Rounding.of("tf32 products, float32 sums", Encoding.FLOAT32).relative(576);
    double other = Rounding.of("analog", Encoding.FLOAT32).relative(576);
    assertThat(strict).isCloseTo(8 * 24 * 0x1p-24, within(1e-9));
    assertThat(tf32).isBetween(2e-3, 4e-3);
    assertThat(other).isBetween(2e-2, 3e-2);
    assertThat(Rounding.of("float32", Encoding.BFLOAT16).relative(576)).isEqualTo(other);
  }
}
