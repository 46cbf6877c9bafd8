package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class DataLimitsTest {
  @Test
  void the_range_is_checked() {
    assertThatThrownBy(() -> new DataLimits(0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new DataLimits(DataLimits.MOST_PIXELS + 1))
        .hasMessage("an image's limit is 1 to 134217728 pixels: 134217729");
    // The most that a file may have fits into an array.
    assertThat(new DataLimits(DataLimits.MOST_PIXELS).fileBytes()).isPositive();
  }

  @Test
  void width_times_height_does_not_wrap_around() {
    DataLimits limits = new DataLimits(100);
    assertThatCode(() -> limits.require("x", 10, 10)).doesNotThrowAnyException();
    for (int side : new int[] {11, 1 << 16, Integer.MAX_VALUE}) {
      assertThatThrownBy(() -> limits.require("x", side, side)).isInstanceOf(DataException.class);
    }
  }

  @Test
  void a_file_of_pixels_that_no_compression_makes_smaller_is_within_the_limit() {
    DataLimits limits = new DataLimits(1 << 20);
    assertThatCode(() -> limits.requireFile("x", 8L << 20)).doesNotThrowAnyException();
    assertThatThrownBy(() -> limits.requireFile("x", (8L << 20) + (16 << 20) + 1))
        .isInstanceOfSatisfying(DataException.class, e -> assertThat(e.isAboveLimit()).isTrue());
  }
}
