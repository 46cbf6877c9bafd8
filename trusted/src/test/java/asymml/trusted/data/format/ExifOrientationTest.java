package asymml.trusted.data.format;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.trusted.draw.SplitMix64;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExifOrientationTest {
  /// The letter F as it is stored in each orientation, as the Exif standard's figures have it; rows
  /// are separated by strokes.
  @ParameterizedTest
  @CsvSource({
    "1,###/#../##./#../#..",
    "2,###/..#/.##/..#/..#",
    "3,..#/..#/.##/..#/###",
    "4,#../#../##./#../###",
    "5,#####/#.#../#....",
    "6,#..../#.#../#####",
    "7,....#/..#.#/#####",
    "8,#####/..#.#/....#"
  })
  void the_letter_f_stands_upright(int value, String stored) {
    ExifOrientation orientation = ExifOrientation.values()[value - 1];
    String[] rows = stored.split("/");
    String pixels = String.join("", rows);
    assertThat(orientation.swapsSides()).isEqualTo(rows.length == 3);
    StringBuilder upright = new StringBuilder();
    for (int y = 0; y < 5; y++) {
      for (int x = 0; x < 3; x++) {
        upright.append(pixels.charAt(orientation.stored(y, x, rows.length, rows[0].length())));
      }
    }
    assertThat(upright.toString()).isEqualTo("###" + "#.." + "##." + "#.." + "#..");
  }

  private static byte[] directory(boolean little, int value) {
    int[] big = {
      'M', 'M', 0, 42, 0, 0, 0, 10, 9, 9, 0, 2, 1, 0xF, 0, 2, 0, 0, 0, 1, 'x', 0, 0, 0, 1, 0x12, 0,
      3, 0, 0, 0, 1, 0, value, 0, 0, 0, 0, 0, 0
    };
    int[] small = {
      'I', 'I', 42, 0, 10, 0, 0, 0, 9, 9, 2, 0, 0xF, 1, 2, 0, 1, 0, 0, 0, 'x', 0, 0, 0, 0x12, 1, 3,
      0, 1, 0, 0, 0, value, 0, 0, 0, 0, 0, 0, 0
    };
    int[] chosen = little ? small : big;
    byte[] bytes = new byte[chosen.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) chosen[i];
    }
    return bytes;
  }

  @Test
  void both_orders_of_bytes_are_read() {
    for (boolean little : new boolean[] {false, true}) {
      for (int value = 0; value < 12; value++) {
        byte[] bytes = directory(little, value);
        assertThat(ExifOrientation.of(bytes, 0, bytes.length).ordinal())
            .isEqualTo(value >= 1 && value <= 8 ? value - 1 : 0);
      }
    }
  }

  @Test
  void damaged_metadata_are_upright_or_something_and_no_error() {
    byte[] whole = directory(false, 6);
    for (int end = 0; end <= whole.length; end++) {
      // The entry ends six bytes before the end of the directory.
      assertThat(ExifOrientation.of(whole, 0, end))
          .isEqualTo(
              end < whole.length - 4 ? ExifOrientation.UPRIGHT : ExifOrientation.QUARTER_TURNED);
    }
    SplitMix64 random = SplitMix64.of(6, 6);
    for (int i = 0; i < 20_000; i++) {
      byte[] changed = Arrays.copyOf(whole, 1 + random.nextInt(whole.length));
      for (int k = 0; k < 1 + i % 5; k++) {
        changed[random.nextInt(changed.length)] = (byte) random.nextInt(256);
      }
      assertThat(ExifOrientation.of(changed, 0, changed.length)).isNotNull();
    }
  }
}
