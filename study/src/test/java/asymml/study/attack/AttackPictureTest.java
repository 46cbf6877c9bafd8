package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.analysis.Maps;
import java.awt.image.BufferedImage;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AttackPictureTest {
  private static final int RED = 0xff0000;
  private static final int GREEN = 0x00ff00;

  @TempDir Path directory;

  /// Images of one colour, 2 by 2 pixels.
  private static Maps plain(int n, float red, float green, float blue) {
    Maps maps = new Maps(n, 2, 2, 3, new float[n * 12]);
    for (int i = 0; i < maps.values().length; i += 3) {
      maps.values()[i] = red;
      maps.values()[i + 1] = green;
      maps.values()[i + 2] = blue;
    }
    return maps;
  }

  private BufferedImage drawn(AttackPicture picture) throws Exception {
    Path file = directory.resolve("picture.png");
    picture.write(file);
    return ImageIO.read(file.toFile());
  }

  private static int colour(BufferedImage image, int column, int row) {
    return image.getRGB(4 + 68 * column + 32, 4 + 68 * row + 32) & 0xffffff;
  }

  @Test
  void originals_are_above_and_what_was_rebuilt_below() throws Exception {
    Maps seen = new Maps(2, 1, 2, 1, new float[] {0, 1, 5, 5});
    AttackPicture picture =
        new AttackPicture(
            AttackName.IMAGE, "conv1", plain(2, 1, 0, 0), seen, plain(2, 0, 1, 0), 20);
    BufferedImage image = drawn(picture);
    assertThat(image.getWidth()).isEqualTo(picture.width()).isEqualTo(2 * 68 + 4);
    assertThat(image.getHeight()).isEqualTo(picture.height());
    assertThat(colour(image, 0, 0)).isEqualTo(RED);
    assertThat(colour(image, 1, 2)).isEqualTo(GREEN);
    // From black to white; grey where all is the same.
    assertThat(image.getRGB(4 + 8, 4 + 68 + 32) & 0xffffff).isZero();
    assertThat(image.getRGB(4 + 56, 4 + 68 + 32) & 0xffffff).isEqualTo(0xffffff);
    assertThat(colour(image, 1, 1)).isEqualTo(0x808080);
  }

  @Test
  void values_beyond_black_and_white_are_cut() throws Exception {
    Maps seen = new Maps(1, 1, 1, 1, new float[1]);
    AttackPicture picture =
        new AttackPicture(
            AttackName.IMAGE, "conv1", plain(1, 7, -3, 0), seen, plain(1, -1, 2, -2), 20);
    BufferedImage image = drawn(picture);
    assertThat(colour(image, 0, 0)).isEqualTo(RED);
    assertThat(colour(image, 0, 2)).isEqualTo(GREEN);
  }

  @Test
  void a_sheet_has_at_most_eight_images() {
    Maps seen = new Maps(20, 1, 1, 1, new float[20]);
    AttackPicture picture =
        new AttackPicture(
            AttackName.IMAGE, "conv1", plain(20, 0, 0, 0), seen, plain(20, 0, 0, 0), 20);
    assertThat(picture.width()).isEqualTo(8 * 68 + 4);
  }
}
