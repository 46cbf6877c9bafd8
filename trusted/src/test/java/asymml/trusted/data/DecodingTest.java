package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import java.awt.image.BufferedImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Images of many sizes, and sets of which not all images are kept.
class DecodingTest {
  private static final int SIZE = 5;
  private static final int IMAGE_BYTES = SIZE * SIZE * 3;

  @TempDir Path root;

  /// Eight training and four test images, no two of one size, gray, colour, PNG and JPEG.
  @BeforeEach
  void write() throws Exception {
    for (int i = 0; i < 12; i++) {
      String split = i < 8 ? "train" : "test";
      String name = "%s/%s/%s.png".formatted(split, i % 2 == 0 ? "cat" : "dog", i);
      int rgb = 0xFF000000 | i * 0x142536;
      SampleFiles.write(
          root,
          name,
          switch (i % 3) {
            case 0 -> SampleFiles.png(5 + i, 20 - i, rgb);
            case 1 -> SampleFiles.jpeg(20 - i, 5 + i, rgb);
            default -> SampleFiles.grayPng(7 + i, 8, 20 * i);
          });
    }
  }

  private DataSet open(long cacheBytes) throws DataException {
    return DataSets.open(
        root.toString(),
        new Decoding(DataLimits.DEFAULT, SIZE, cacheBytes, null),
        SampleFiles.SILENT);
  }

  private static List<float[]> batches(ImageSet images, Normalization normalization) {
    List<float[]> all = new ArrayList<>();
    try (BatchLoader loader =
        new BatchLoader(
            images,
            normalization,
            new Augmentation(true, 1),
            IntStream.range(0, images.size()).toArray(),
            3,
            4,
            0)) {
      while (loader.hasNext()) {
        all.add(loader.next().images().toArray());
      }
    }
    return all;
  }

  @Test
  void images_of_many_sizes_become_images_of_one() throws Exception {
    DataSet data = open(Long.MAX_VALUE);
    assertThat(data.train().shape()).isEqualTo(new Shape(SIZE, SIZE, 3));
    assertThat(data.train().size()).isEqualTo(8);
    assertThat(data.train().readFromFiles()).isZero();
    // The third image is gray, all of 40.
    byte[] pixels = new byte[IMAGE_BYTES];
    int third =
        IntStream.range(0, 8)
            .filter(i -> {
              data.train().pixels(i, pixels);
              return pixels[0] == 40 && pixels[1] == 40;
            })
            .findFirst()
            .orElseThrow();
    data.train().pixels(third, pixels);
    assertThat(pixels).containsOnly((byte) 40);
  }

  @Test
  void without_a_size_the_first_image_that_differs_is_refused() {
    assertThatThrownBy(() -> DataSets.open(root.toString(), SampleFiles.SILENT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("resize it");
  }

  @Test
  void images_that_are_not_kept_are_the_same_whatever_is_kept() throws Exception {
    DataSet whole = open(Long.MAX_VALUE);
    for (long images : new long[] {0, 1, 5, 11, 12, 100}) {
      DataSet part = open(images * IMAGE_BYTES + 3);
      assertThat(part.train().readFromFiles() + part.test().readFromFiles())
          .isEqualTo((int) Math.max(0, 12 - images));
      assertThat(part.train().digest()).isEqualTo(whole.train().digest());
      assertThat(part.test().digest()).isEqualTo(whole.test().digest());
      assertThat(part.normalization()).isEqualTo(whole.normalization());
      assertThat(batches(part.train(), part.normalization()))
          .usingRecursiveComparison()
          .isEqualTo(batches(whole.train(), whole.normalization()));
    }
  }

  @Test
  void a_subset_reads_its_own_images() throws Exception {
    ImageSet some = open(0).train().subset(3, 9);
    assertThat(some.readFromFiles()).isEqualTo(3);
    assertThat(some.digest()).isEqualTo(open(Long.MAX_VALUE).train().subset(3, 9).digest());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void an_image_that_is_lost_or_changed_later_is_named(boolean lost) throws Exception {
    DataSet data = open(0);
    Path file = root.resolve("train/dog/3.png");
    if (lost) {
      Files.delete(file);
    } else {
      Files.write(file, SampleFiles.png(9, 9, 0xFFFFFFFF));
    }
    assertThatThrownBy(() -> batches(data.train(), data.normalization()))
        .isInstanceOf(ImageLostException.class)
        .hasMessageStartingWith("an image changed while it was in use: ")
        .hasMessageContaining("3.png");
  }

  @Test
  void a_test_split_alone_is_read_in_the_same_way() throws Exception {
    DataSet whole = open(Long.MAX_VALUE);
    TestSet alone =
        DataSets.openTest(
            root.toString(),
            whole.test().shape(),
            whole.test().classNames(),
            new Decoding(DataLimits.DEFAULT, SIZE, IMAGE_BYTES, null),
            SampleFiles.SILENT);
    assertThat(alone.images().digest()).isEqualTo(whole.test().digest());
    assertThat(alone.images().readFromFiles()).isEqualTo(3);
  }

  @Test
  void other_kinds_of_data_are_not_scaled() {
    assertThatThrownBy(() ->
            DataSets.open(
                "generated",
                new Decoding(DataLimits.DEFAULT, SIZE, Long.MAX_VALUE, null),
                SampleFiles.SILENT))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith(
            "generated has images of 32 x 32 pixels, which are not scaled to 5");
  }

  @Test
  void other_kinds_of_data_may_have_the_size_that_is_asked_for() throws Exception {
    Decoding decoding = new Decoding(DataLimits.DEFAULT, 32, Long.MAX_VALUE, null);
    assertThat(DataSets.open("generated", decoding, SampleFiles.SILENT).test().shape())
        .isEqualTo(new Shape(32, 32, 3));
  }

  @Test
  void ranges_are_checked() {
    assertThatThrownBy(() -> new Decoding(DataLimits.DEFAULT, -1, 0, null))
        .hasMessage("images are scaled to 1 to 4096 pixels: -1");
    assertThatThrownBy(() -> new Decoding(DataLimits.DEFAULT, 4097, 0, null))
        .hasMessageEndingWith("4097");
    assertThatThrownBy(() -> new Decoding(DataLimits.DEFAULT, 1, -1, null))
        .hasMessage("a cache has at least 0 bytes: -1");
  }

  private static List<float[]> cropped(DataSet data, int views, long seed) {
    List<float[]> all = new ArrayList<>();
    try (BatchLoader loader =
        new BatchLoader(
            data.train(),
            data.normalization(),
            data.augmentation().withViews(views),
            IntStream.range(0, data.train().size()).toArray(),
            3,
            seed,
            0)) {
      while (loader.hasNext()) {
        Batch batch = loader.next();
        for (int i = 0; i < batch.size(); i++) {
          all.add(batch.images().examples(i, 1).toArray());
        }
      }
    }
    return all;
  }

  @Test
  void random_parts_follow_from_the_seed_and_leave_the_images_as_they_are() throws Exception {
    BufferedImage noise = new BufferedImage(30, 20, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 600; i++) {
      noise.setRGB(i % 30, i / 30, i * 0x3A5F17);
    }
    // The first one of the split.
    SampleFiles.write(root, "train/cat/0.png", SampleFiles.encode(noise, "png"));
    DataSet whole = open(Long.MAX_VALUE);
    Decoding crops =
        new Decoding(DataLimits.DEFAULT, SIZE, Long.MAX_VALUE, null).withRandomCrop(true);
    DataSet data = DataSets.open(root.toString(), crops, SampleFiles.SILENT);
    assertThat(data.train().cutsAtRandom()).isTrue();
    assertThat(data.test().cutsAtRandom()).isFalse();
    assertThat(data.augmentation()).isEqualTo(new Augmentation(true, 0).withRandomCrops());
    assertThat(data.train().digest()).isEqualTo(whole.train().digest());
    assertThat(data.normalization()).isEqualTo(whole.normalization());
    assertThat(data.test().readFromFiles()).isZero();
    List<float[]> first = cropped(data, 2, 7);
    assertThat(first).hasSize(16);
    assertThat(cropped(data, 2, 7)).usingRecursiveComparison().isEqualTo(first);
    assertThat(first.get(1)).isNotEqualTo(first.get(0));
    assertThat(cropped(data, 2, 8).getFirst()).isNotEqualTo(first.getFirst());
    // One image in two orders has the same parts.
    assertThat(cropped(data, 1, 7).getFirst()).isEqualTo(first.getFirst());
  }

  @Test
  void random_parts_need_a_size_and_files() {
    assertThatThrownBy(() -> Decoding.DEFAULT.withRandomCrop(true))
        .isInstanceOf(IllegalArgumentException.class);
    Decoding crops =
        new Decoding(DataLimits.DEFAULT, 32, Long.MAX_VALUE, null).withRandomCrop(true);
    assertThatThrownBy(() -> DataSets.open("generated", crops, SampleFiles.SILENT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("generated has no files of images that could be cut at random");
    Decoding skips = Decoding.DEFAULT.withOnBadImage(Decoding.OnBadImage.SKIP);
    assertThatThrownBy(() -> DataSets.open("generated", skips, SampleFiles.SILENT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("leave on-bad-image out");
  }
}
