package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Data sets of a few images of 8 x 8 pixels.
class DataOptionsTest {
  @TempDir private Path folder;

  private Path pets() throws IOException {
    Path pets = folder.resolve("pets");
    int level = 0;
    for (String image :
        List.of("train/cat/1", "train/cat/2", "train/dog/1", "test/cat/1", "test/dog/1")) {
      BufferedImage pixels = new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB);
      pixels.setRGB(1, 1, 40 * ++level);
      Path file = pets.resolve(image + ".png");
      Files.createDirectories(file.getParent());
      ImageIO.write(pixels, "png", file.toFile());
    }
    return pets;
  }

  private static void assertRefused(Outcome outcome, int code, String said) {
    assertThat(outcome.err()).startsWith("asymml: ").contains(said).hasLineCount(1);
    assertThat(outcome.code()).isEqualTo(code);
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "plan", "analyze tradeoff", "privacy compare"})
  void an_image_above_the_limit_is_refused_with_the_flag_that_raises_it(String command)
      throws Exception {
    String flags = command + " --max-image-pixels 63 --model cnn --data " + pets();
    if (!command.equals("plan")) {
      flags += " --out " + folder.resolve("out");
    }
    assertRefused(
        Outcome.of(flags.split(" ")),
        1,
        "1.png declares 8 x 8 pixels (width x height), more than the limit of 63 pixels an image;"
            + " make it smaller, or replace it if it is damaged (or raise --max-image-pixels)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "134217729", "many"})
  void a_limit_out_of_range_is_wrong_usage(String limit) {
    assertRefused(Outcome.of("train", "--max-image-pixels", limit), 2, "--max-image-pixels");
    assertRefused(Outcome.of("plan", "--max-image-pixels", limit), 2, "--max-image-pixels");
  }

  @Test
  void eval_needs_the_test_split_alone() throws Exception {
    Path pets = pets();
    Path run = folder.resolve("run");
    Outcome trained =
        Outcome.of(
            ("train --data " + pets + " --out " + run)
                .concat(" --mode trusted-only --model cnn --epochs 1 --batch-size 2 --threads 1")
                .split(" "));
    assertThat(trained.code()).as(trained.err()).isZero();
    assertThat(Files.readString(run.resolve("config.yaml"))).contains("max-image-pixels: 16777216");
    String before = Outcome.of("eval", "--run", run.toString()).out();
    assertThat(before).contains("2 test images of pets: accuracy");
    // Training images that cannot be read are not looked at, nor missed.
    Files.write(pets.resolve("train/cat/1.png"), new byte[] {1, 2, 3});
    assertThat(Outcome.of("eval", "--run", run.toString()).out()).isEqualTo(before);
    Path moved = folder.resolve("moved/pets");
    Files.createDirectories(moved);
    Files.move(pets.resolve("test"), moved.resolve("test"));
    assertThat(Outcome.of("eval", "--run", run.toString(), "--data", moved.toString()).out())
        .isEqualTo(before);
    assertRefused(Outcome.of("eval", "--run", run.toString()), 1, "pets has no test split");
  }
}
