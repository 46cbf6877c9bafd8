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

  /// An image of another size, a table instead of a folder, a cache of two images.
  @Test
  void images_of_many_sizes_and_a_small_cache_train_evaluate_and_predict() throws Exception {
    Path pets = pets();
    Path large = pets.resolve("train/dog/1.png");
    ImageIO.write(new BufferedImage(31, 17, BufferedImage.TYPE_INT_RGB), "png", large.toFile());
    Path table = folder.resolve("pets.csv");
    StringBuilder lines = new StringBuilder("path,label,split\n");
    for (String image :
        List.of("train/cat/1", "train/cat/2", "train/dog/1", "test/cat/1", "test/dog/1")) {
      String[] parts = image.split("/");
      lines.append("pets/%s.png,%s,%s\n".formatted(image, parts[1], parts[0]));
    }
    Files.writeString(table, lines);
    String common = " --mode trusted-only --model cnn --epochs 1 --batch-size 2 --threads 1";
    Path run = folder.resolve("run");
    String train = "train --data " + table + " --out " + run + common;
    assertRefused(
        Outcome.of(train.split(" ")),
        1,
        "pets/train/dog/1.png is 31 x 17 pixels (width x height), but");
    assertThat(Outcome.of(train.split(" ")).err()).contains("resize it (or give --image-size)");
    Outcome trained = Outcome.of((train + " --image-size 8 --image-cache 400").split(" "));
    assertThat(trained.code()).as(trained.err()).isZero();
    assertThat(Outcome.of("eval", "--run", run.toString()).out())
        .contains("2 test images of pets.csv: accuracy");
    Outcome predicted = Outcome.of("predict", "--run", run.toString(), large.toString());
    assertThat(predicted.code()).as(predicted.err()).isZero();
    assertThat(predicted.out()).contains("dog");
    assertRefused(
        Outcome.of("train", "--image-size", "5000"), 2, "--image-size: must be 1 to 4096");
    assertRefused(Outcome.of("train", "--image-cache", "much"), 2, "--image-cache");
    assertRefused(Outcome.of("train", "--window", "5:4"), 2, "--window");
  }

  @Test
  void bad_images_are_left_out_counted_and_named() throws Exception {
    Path pets = pets();
    for (int i = 0; i < 20; i++) {
      BufferedImage pixels = new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB);
      pixels.setRGB(2, 2, 0x010203 * (i + 1));
      String split = i < 10 ? "train/" : "test/";
      ImageIO.write(pixels, "png", pets.resolve(split + "dog/1" + i + ".png").toFile());
    }
    Files.write(pets.resolve("train/cat/2.png"), new byte[0]);
    Files.write(pets.resolve("test/dog/115.png"), new byte[0]);
    Path run = folder.resolve("run");
    String train =
        "train --mode trusted-only --model cnn --epochs 1 --batch-size 4 --threads 1 --data %s --out %s"
            .formatted(pets, run);
    assertRefused(Outcome.of(train.split(" ")), 1, "train/cat/2.png is empty");
    Outcome trained = Outcome.of((train + " --on-bad-image skip").split(" "));
    assertThat(trained.code()).as(trained.err()).isZero();
    String all =
        "2 bad images are left out (%s/train/cat/2.png, %s/test/dog/115.png)".formatted(pets, pets);
    assertThat(trained.out())
        .contains("12 training and 11 test images")
        .contains("; " + all)
        .contains("skipped  " + all + "; run.json lists all");
    assertThat(Outcome.of("eval", "--run", run.toString()).out())
        .contains("11 test images of pets: accuracy")
        .contains("1 bad image is left out (%s/test/dog/115.png)".formatted(pets));
    assertRefused(Outcome.of("train", "--on-bad-image", "ignore"), 2, "--on-bad-image");
  }
}
