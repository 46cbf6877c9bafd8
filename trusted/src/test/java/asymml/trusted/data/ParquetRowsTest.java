package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.data.format.ParquetFiles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ParquetRowsTest {
  /// As `datasets` of Hugging Face writes it.
  private static final String FEATURES =
      "{\"info\": {\"features\": {\"image\": {\"_type\": \"Image\"}, \"label\": {\"names\":"
          + " [\"dog\", \"cat\"], \"_type\": \"ClassLabel\"}}}}";

  private static final List<String> TRAIN =
      List.of("train/cat/1.png", "train/dog/1.png", "train/cat/2.JPG", "train/dog/2.jpeg");
  private static final List<String> TEST = List.of("test/cat/1.png", "test/dog/1.png");

  @TempDir private Path root;
  private Path folder;

  @BeforeEach
  void images() throws Exception {
    folder = SampleFiles.folder(root.resolve("pets"));
  }

  private List<@Nullable Object> images(List<String> paths) throws Exception {
    List<@Nullable Object> images = new ArrayList<>();
    for (String path : paths) {
      images.add(Files.readAllBytes(folder.resolve(path)));
    }
    return images;
  }

  /// Labels are indices into the names above.
  private ParquetFiles rows(List<String> paths) throws Exception {
    return new ParquetFiles()
        .column("image.bytes", images(paths))
        .column("image.path", paths)
        .column("label", paths.stream().map(p -> p.contains("cat") ? 1L : 0L).toList())
        .metadata("huggingface", FEATURES);
  }

  private static DataSet open(Path path) throws DataException {
    return DataSets.open(path.toString(), SampleFiles.SILENT);
  }

  private void assertIsTheFolder(DataSet data) throws Exception {
    DataSet expected = open(folder);
    assertThat(data.train().digest()).isEqualTo(expected.train().digest());
    assertThat(data.test().digest()).isEqualTo(expected.test().digest());
  }

  private void assertRefused(ParquetFiles content, String... parts) throws Exception {
    assertRefused(content.write(), parts);
  }

  private void assertRefused(byte[] content, String... parts) throws Exception {
    Path file = Files.write(root.resolve("train-0.parquet"), content);
    assertThatThrownBy(() -> open(file))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(parts)
        .hasMessageNotContaining("\n");
  }

  @Test
  void shards_of_hugging_face_are_the_folder_of_their_images() throws Exception {
    Path hub = root.resolve("hub");
    SampleFiles.write(
        hub, "data/train-00000-of-00002.parquet", rows(TRAIN.subList(0, 3)).packed(1).write());
    SampleFiles.write(
        hub,
        "data/train-00001-of-00002.parquet",
        rows(TRAIN.subList(3, 4)).packed(2).dictionaries().write());
    SampleFiles.write(hub, "data/validation-00000-of-00001.parquet", rows(TEST).version2().write());
    SampleFiles.write(hub, "README.md", new byte[3]);
    assertIsTheFolder(open(hub));
    assertIsTheFolder(open(hub.resolve("data")));
  }

  @Test
  void one_file_has_its_splits_in_a_column_and_its_classes_as_text() throws Exception {
    List<String> all = new ArrayList<>(TRAIN);
    all.addAll(TEST);
    byte[] file =
        new ParquetFiles()
            .column("img", images(all))
            .column("Class", all.stream().map(p -> p.split("/")[1]).toList())
            .column("split", all.stream().map(p -> p.split("/")[0]).toList())
            .rows(4, 2)
            .write();
    assertIsTheFolder(open(Files.write(root.resolve("pets.parquet"), file)));
  }

  @Test
  void images_beyond_the_cache_are_read_from_their_pages() throws Exception {
    Path shards = root.resolve("shards");
    SampleFiles.write(shards, "train.parquet", rows(TRAIN).rows(3, 2).packed(1).write());
    SampleFiles.write(shards, "test.parquet", rows(TEST).write());
    Decoding none = new Decoding(DataLimits.DEFAULT, 0, 0, null);
    DataSet data = DataSets.open(shards.toString(), none, SampleFiles.SILENT);
    assertThat(data.train().readFromFiles()).isEqualTo(4);
    DataSet expected = open(folder);
    for (int i : new int[] {3, 0, 2, 1}) {
      assertThat(SampleFiles.pixels(data.train(), i))
          .isEqualTo(SampleFiles.pixels(expected.train(), i));
    }
  }

  @Test
  void columns_that_are_missing_or_ambiguous_are_named() throws Exception {
    List<@Nullable Object> images = images(TRAIN);
    assertRefused(
        new ParquetFiles().column("image.bytes", images),
        "train-0.parquet has no column for the class of each image",
        "(it has image.bytes)");
    assertRefused(
        new ParquetFiles().column("label", TRAIN),
        "has no column for the bytes of each image",
        "name one of its columns bytes, image,");
    assertRefused(
        rows(TRAIN).column("mask.bytes", images), "has 2 columns for the bytes of each image");
    Path file = root.resolve("x.parquet");
    Files.write(file, rows(TRAIN).write());
    assertThatThrownBy(() -> open(file))
        .hasMessageContaining(
            "has no column for the split of each image, which the file's name does not tell");
    Files.write(file, rows(TRAIN).column("split", List.of("train", "test", "later", "x")).write());
    assertThatThrownBy(() -> open(file)).hasMessageContaining("row 2: the split is train");
  }

  @Test
  void rows_that_cannot_be_used_are_named() throws Exception {
    List<@Nullable Object> images = images(TRAIN);
    ParquetFiles unlabelled =
        new ParquetFiles()
            .column("image.bytes", images)
            .metadata("huggingface", FEATURES)
            .column("label", List.of(0L, 1L, -1L, 0L));
    assertRefused(
        unlabelled, "row 2 has the label -1; the file names 2 classes", "stands for no label");
    assertRefused(
        new ParquetFiles()
            .column("image.bytes", images)
            .column("label", Arrays.asList("a", null, "b", "b")),
        "row 1 has no class");
    assertRefused(
        new ParquetFiles()
            .column("image.bytes", images)
            .column("label", List.of("a", "b/c", "b", "b")),
        "row 1: b/c cannot be the name of a class");
    assertRefused(rows(TRAIN).metadata("huggingface", "{"), "describes its columns by what is no");
    assertRefused(
        rows(TRAIN).metadata("huggingface", FEATURES.replace("dog", "cat")),
        "names two of its classes alike");
    assertRefused(rows(List.of()), "holds no images");
    Path shards = root.resolve("shards");
    SampleFiles.write(shards, "test.parquet", rows(TEST).write());
    images.set(2, null);
    ParquetFiles paths =
        new ParquetFiles()
            .column("image.bytes", images)
            .column("image.path", TRAIN)
            .column("label", List.of("cat", "dog", "cat", "dog"));
    SampleFiles.write(shards, "train.parquet", paths.write());
    assertThatThrownBy(() -> open(shards))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("train.parquet, row 2: image has no bytes; write the file with its");
    images.set(2, new byte[] {1, 2});
    SampleFiles.write(shards, "train.parquet", paths.write());
    assertThatThrownBy(() -> open(shards))
        .hasMessageContaining("row 2: image is neither a JPEG nor a PNG file");
    SampleFiles.write(shards, "train.parquet", rows(TRAIN).write());
    DataLimits few = new DataLimits(20);
    assertThatThrownBy(() ->
            DataSets.open(shards.toString(), Decoding.DEFAULT.withLimits(few), SampleFiles.SILENT))
        .isInstanceOfSatisfying(DataException.class, e -> assertThat(e.isAboveLimit()).isTrue());
  }

  @Test
  void files_that_are_none_are_named() throws Exception {
    assertRefused(new byte[0], "train-0.parquet is empty");
    assertRefused(new byte[99], "train-0.parquet is no Parquet file");
    byte[] file = rows(TRAIN).write();
    assertRefused(Arrays.copyOf(file, file.length - 1), "is a truncated Parquet file");
  }

  @Test
  void columns_of_classes_and_groups_are_named() throws Exception {
    Path shards = root.resolve("shards");
    Decoding decoding = Decoding.DEFAULT.withColumns(new Decoding.Columns("label", "Patient"));
    SampleFiles.write(
        shards, "train.parquet", rows(TRAIN).column("patient", List.of(7L, 8L, 8L, 9L)).write());
    SampleFiles.write(
        shards, "test.parquet", rows(TEST).column("patient", List.of(1L, 2L)).write());
    DataSet data = DataSets.open(shards.toString(), decoding, SampleFiles.SILENT);
    long[] groups = Objects.requireNonNull(data.train().groups());
    // Sorted by class: rows 0 and 2, then rows 1 and 3.
    assertThat(groups).hasSize(4);
    assertThat(groups[1]).isEqualTo(groups[2]);
    SampleFiles.write(
        shards, "test.parquet", rows(TEST).column("patient", List.of(1L, 9L)).write());
    assertThatThrownBy(() -> DataSets.open(shards.toString(), decoding, SampleFiles.SILENT))
        .hasMessageContaining("a group has images in both splits, such as")
        .hasMessageContainingAll("train.parquet, row 3", "test.parquet, row 1");
    SampleFiles.write(
        shards, "test.parquet", rows(TEST).column("patient", Arrays.asList(1L, null)).write());
    assertThatThrownBy(() -> DataSets.open(shards.toString(), decoding, SampleFiles.SILENT))
        .hasMessageContaining("test.parquet, row 1 has no group");
  }
}
