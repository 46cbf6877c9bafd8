package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.SoftmaxCrossEntropy;
import asymml.model.Graph;
import asymml.model.Zoo;
import asymml.trusted.data.Decoding.OnBadImage;
import asymml.trusted.draw.PoissonDraw;
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

/// Damaged images, found when a data set is opened or later, that are left out.
class BadImagesTest {
  private static final int SIZE = 8;
  private static final int TRAIN = 20;
  private static final byte[] DAMAGED = {(byte) 0xFF, (byte) 0xD8, (byte) 0xFF, 0};

  @TempDir Path root;

  /// Twenty training and ten test images of two classes, all different.
  @BeforeEach
  void write() throws Exception {
    for (int i = 0; i < TRAIN + 10; i++) {
      SampleFiles.write(root, path(i), SampleFiles.png(8, 8, 0xFF000000 | (i + 1) * 0x070503));
    }
  }

  private static String path(int image) {
    return "%s/%s/%s.png"
        .formatted(image < TRAIN ? "train" : "test", image % 2 == 0 ? "cat" : "dog", 10 + image);
  }

  private static Decoding decoding(long cacheBytes) {
    return new Decoding(DataLimits.DEFAULT, SIZE, cacheBytes, null).withOnBadImage(OnBadImage.SKIP);
  }

  private DataSet open(Decoding decoding) throws DataException {
    return DataSets.open(root.toString(), decoding, SampleFiles.SILENT);
  }

  private record Served(List<Integer> indices, List<Integer> labels, List<float[]> values) {}

  private static Served serve(DataSet data, Augmentation augmentation) {
    List<Integer> indices = new ArrayList<>();
    List<Integer> labels = new ArrayList<>();
    List<float[]> values = new ArrayList<>();
    try (BatchLoader loader =
        new BatchLoader(
            data.train(),
            data.normalization(),
            augmentation,
            IntStream.range(0, data.train().size()).toArray(),
            7,
            3,
            0)) {
      while (loader.hasNext()) {
        Batch batch = loader.next();
        for (int i = 0; i < batch.size(); i++) {
          indices.add(batch.indices()[i]);
          labels.add(batch.labels()[i]);
          values.add(batch.images().examples(i, 1).toArray());
        }
      }
    }
    return new Served(indices, labels, values);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1000, Long.MAX_VALUE})
  void what_is_damaged_at_the_start_is_as_if_it_were_not_there(long cacheBytes) throws Exception {
    SampleFiles.write(root, path(5), DAMAGED);
    SampleFiles.write(root, path(22), new byte[0]);
    assertThatThrownBy(() -> open(decoding(cacheBytes).withOnBadImage(OnBadImage.FAIL)))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("15.png");
    DataSet skipped = open(decoding(cacheBytes));
    assertThat(skipped.leftOut())
        .containsExactly(root + "/train/dog/15.png", root + "/test/cat/32.png");
    Files.delete(root.resolve(path(5)));
    Files.delete(root.resolve(path(22)));
    DataSet without = open(decoding(Long.MAX_VALUE));
    assertThat(without.leftOut()).isEmpty();
    assertThat(skipped.train().size()).isEqualTo(19);
    assertThat(skipped.train().digest()).isEqualTo(without.train().digest());
    assertThat(skipped.test().digest()).isEqualTo(without.test().digest());
    assertThat(skipped.normalization()).isEqualTo(without.normalization());
    // By class and name it is the thirteenth; the augmentation of the others does not follow from
    // whether it is bad.
    int[] numbers = IntStream.range(0, 20).filter(i -> i != 12).toArray();
    DataSet others = without.withTrain(without.train().numbered(numbers));
    assertThat(serve(skipped, skipped.augmentation()))
        .usingRecursiveComparison()
        .isEqualTo(serve(others, others.augmentation()));
  }

  @Test
  void the_first_image_may_be_damaged() throws Exception {
    SampleFiles.write(root, path(0), DAMAGED);
    Decoding stored = new Decoding(DataLimits.DEFAULT, 0, 0, null).withOnBadImage(OnBadImage.SKIP);
    assertThat(open(stored).train().size()).isEqualTo(19);
  }

  @Test
  void more_than_one_in_ten_are_not_left_out() throws Exception {
    for (int i = 1; i < 4; i++) {
      SampleFiles.write(root, path(i), DAMAGED);
    }
    assertThatThrownBy(() -> open(decoding(0)))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("12.png is corrupt")
        .hasMessageEndingWith(
            " (3 of these 20 images cannot be used, and more than one in 10 are not left out)");
  }

  @Test
  void a_class_does_not_lose_all_of_its_images() throws Exception {
    SampleFiles.write(root, "train/emu/1.png", DAMAGED);
    SampleFiles.write(root, "test/emu/1.png", SampleFiles.png(8, 8, 0xFF00FFFF));
    assertThatThrownBy(() -> open(decoding(0)))
        .isInstanceOf(DataException.class)
        .hasMessageEndingWith(" (no image of the class emu can be used)");
  }

  @Test
  void what_a_setting_would_do_for_is_not_left_out() throws Exception {
    SampleFiles.write(root, path(3), SampleFiles.png(9, 8, 0xFF00FFFF));
    Decoding stored = new Decoding(DataLimits.DEFAULT, 0, 0, null).withOnBadImage(OnBadImage.SKIP);
    assertThatThrownBy(() -> open(stored))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("13.png is 9 x 8 pixels");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void what_is_lost_later_is_a_null_example_in_all_of_its_places(boolean crops) throws Exception {
    DataSet data = open(decoding(0).withRandomCrop(crops));
    Augmentation twice = data.augmentation().withViews(2);
    Served before = serve(data, twice);
    Files.delete(root.resolve(path(5)));
    int lost = 12; // Ten cats come first.
    Served after = serve(data, twice);
    for (int i = 0; i < after.indices.size(); i++) {
      boolean none = i / 2 == lost;
      assertThat(after.indices.get(i)).isEqualTo(none ? PoissonDraw.NULL_EXAMPLE : i / 2);
      assertThat(after.labels.get(i))
          .isEqualTo(none ? SoftmaxCrossEntropy.NO_LABEL : before.labels.get(i));
      assertThat(after.values.get(i))
          .isEqualTo(none ? new float[SIZE * SIZE * 3] : before.values.get(i));
    }
    assertThat(data.leftOut()).containsExactly(root + "/train/dog/15.png");
    assertThat(data.train().size()).isEqualTo(TRAIN);
    assertThat(data.train().counted()).isEqualTo(TRAIN - 1);
    // It stays left out: of one run, an image is used to some step, and then no more.
    SampleFiles.write(root, path(5), SampleFiles.png(8, 8, 0xFF000000 | 6 * 0x070503));
    assertThat(serve(data, twice)).usingRecursiveComparison().isEqualTo(after);
  }

  @Test
  void a_disk_that_is_gone_ends_the_pass() throws Exception {
    DataSet data = open(decoding(0));
    for (int i = 0; i < TRAIN; i++) {
      Files.delete(root.resolve(path(i)));
    }
    assertThatThrownBy(() -> serve(data, data.augmentation()))
        .isInstanceOf(ImageLostException.class)
        .hasMessageContaining(" of these 20 images cannot be used, and more than one in 10");
  }

  @Test
  void features_of_a_lost_image_are_those_of_none() throws Exception {
    DataSet data = open(decoding(0));
    Files.delete(root.resolve(path(5)));
    Graph graph = Zoo.build("scatter-cnn", data.train().shape(), 2, Zoo.Norm.GROUP);
    try (FeatureCache features =
            FeatureCache.of(graph, data.train(), data.normalization()).orElseThrow();
        BatchLoader loader =
            new BatchLoader(
                data.train(),
                data.normalization(),
                Augmentation.none(),
                new int[] {0, 12},
                2,
                1,
                0,
                features)) {
      Batch batch = loader.next();
      assertThat(batch.indices()).containsExactly(0, PoissonDraw.NULL_EXAMPLE);
      assertThat(batch.images().examples(1, 1).toArray()).containsOnly(0);
      assertThat(batch.images().examples(0, 1).toArray()[0]).isNotZero();
    }
  }

  @Test
  void a_line_names_the_first_three() {
    assertThat(ImageSet.describeLeftOut(List.of("a"))).isEqualTo("1 bad image is left out (a)");
    assertThat(ImageSet.describeLeftOut(List.of("a", "b", "c", "d", "e")))
        .isEqualTo("5 bad images are left out (a, b, c and 2 more)");
  }
}
