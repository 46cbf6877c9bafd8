package asymml.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import asymml.trusted.data.DataException;
import asymml.trusted.data.Decoding;
import asymml.trusted.data.ImageFiles;
import java.util.Random;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.junit.jupiter.api.Test;

/// Images of Spark's `image` source as files.
class ImageColumnTest {
  private static final int HEIGHT = 5;
  private static final int WIDTH = 7;

  private static Row image(int channels, byte[] data) {
    return RowFactory.create("file:/x", HEIGHT, WIDTH, channels, 0, data);
  }

  private static byte[] decoded(Row image, int channels) throws Exception {
    return ImageFiles.decode(
        "x", ImageColumn.png(image), new Shape(HEIGHT, WIDTH, channels), Decoding.DEFAULT);
  }

  private static byte[] noise(int channels) {
    byte[] data = new byte[HEIGHT * WIDTH * channels];
    new Random(channels).nextBytes(data);
    return data;
  }

  @Test
  void gray_levels_stay_as_they_are() throws Exception {
    byte[] data = noise(1);
    assertThat(decoded(image(1, data), 1)).isEqualTo(data);
  }

  @Test
  void blue_green_red_becomes_red_green_blue() throws Exception {
    for (int channels : new int[] {3, 4}) {
      byte[] data = noise(channels);
      byte[] expected = new byte[HEIGHT * WIDTH * 3];
      for (int pixel = 0; pixel < HEIGHT * WIDTH; pixel++) {
        for (int c = 0; c < 3; c++) {
          expected[3 * pixel + c] = data[channels * pixel + 2 - c];
        }
        if (channels == 4) {
          data[channels * pixel + 3] = (byte) 0xFF;
        }
      }
      assertThat(decoded(image(channels, data), 3)).isEqualTo(expected);
    }
  }

  @Test
  void what_is_no_image_is_refused_in_a_line() {
    assertThatThrownBy(
            () -> ImageColumn.png(RowFactory.create("file:/x", -1, -1, -1, -1, new byte[0])))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("dropInvalid");
    assertThatThrownBy(() -> ImageColumn.png(image(2, noise(2))))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("2 channels");
    assertThatThrownBy(() -> ImageColumn.png(image(3, noise(1))))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("35 bytes");
  }
}
