package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.data.format.TarFiles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TarSamplesTest {
  @TempDir private Path root;
  private Path folder;

  @BeforeEach
  void images() throws Exception {
    folder = SampleFiles.folder(root.resolve("pets"));
  }

  private byte[] image(String path) throws Exception {
    return Files.readAllBytes(folder.resolve(path));
  }

  private static DataSet open(Path path) throws DataException {
    return DataSets.open(path.toString(), SampleFiles.SILENT);
  }

  private void assertIsTheFolder(DataSet data) throws Exception {
    DataSet expected = open(folder);
    assertThat(data.train().digest()).isEqualTo(expected.train().digest());
    assertThat(data.test().digest()).isEqualTo(expected.test().digest());
  }

  private void assertRefused(byte[] archive, String... parts) throws Exception {
    Path file = Files.write(root.resolve("x-train.tar"), archive);
    assertThatThrownBy(() -> open(file))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(parts)
        .hasMessageNotContaining("\n");
  }

  /// The training images as WebDataset packs them.
  private TarFiles train() throws Exception {
    return new TarFiles()
        .add("0001.png", image("train/cat/1.png"))
        .add("0001.cls", "cat\n")
        .add("0002.txt", "a caption")
        .add("0002.json", "{\"width\": 6, \"label\": \"dog\"}")
        .add("0002.png", image("train/dog/1.png"))
        .add("0003.jpg", image("train/cat/2.JPG"))
        .add("0003.json", "{\"cls\": \"cat\"}")
        .add("0004.CLS", "dog")
        .add("0004.jpeg", image("train/dog/2.jpeg"));
  }

  private TarFiles test() throws Exception {
    return new TarFiles()
        .add("0001.png", image("test/cat/1.png"))
        .add("0001.cls", "cat")
        .add("0002.png", image("test/dog/1.png"))
        .add("0002.cls", "dog");
  }

  @Test
  void shards_of_samples_are_the_folder_of_their_images() throws Exception {
    Path shards = root.resolve("shards");
    SampleFiles.write(shards, "pets-train-000000.tar", train().end());
    SampleFiles.write(shards, "pets-val-000000.tar", test().end());
    SampleFiles.write(shards, "README.md", new byte[3]);
    assertIsTheFolder(open(shards));
    Path inFolders = root.resolve("folders");
    SampleFiles.write(inFolders, "train/0.tar", train().end());
    SampleFiles.write(inFolders, "test/0.tar", test().end());
    assertIsTheFolder(open(inFolders));
  }

  @Test
  void one_archive_has_its_splits_in_folders() throws Exception {
    // Samples with a class each, in folders of splits.
    TarFiles samples = new TarFiles();
    int key = 0;
    for (String path :
        new String[] {
          "train/cat/1.png",
          "train/cat/2.JPG",
          "train/dog/1.png",
          "train/dog/2.jpeg",
          "test/cat/1.png",
          "test/dog/1.png"
        }) {
      String[] parts = path.split("/");
      String name = parts[0] + "/" + key++;
      samples
          .add(name + path.substring(path.lastIndexOf('.')), image(path))
          .add(name + ".cls", parts[1]);
    }
    assertIsTheFolder(open(Files.write(root.resolve("pets.tar"), samples.end())));
  }

  @Test
  void an_archive_of_a_folder_is_that_folder() throws Exception {
    TarFiles tar = new TarFiles().add("pets/", '5', 0, new byte[0]);
    TarFiles train = new TarFiles();
    TarFiles test = new TarFiles();
    for (String path :
        new String[] {
          "train/cat/1.png",
          "train/cat/2.JPG",
          "train/dog/1.png",
          "train/dog/2.jpeg",
          "test/cat/1.png",
          "test/dog/1.png"
        }) {
      tar.add("pets/" + path, image(path));
      (path.startsWith("train") ? train : test)
          .add(path.substring(path.indexOf('/') + 1), image(path));
    }
    tar.add("pets/train/cat/._1.png", "litter").add("pets/train/Thumbs.db", "litter");
    assertIsTheFolder(open(Files.write(root.resolve("pets.tar"), tar.end())));
    // A split in each of two archives, with classes as folders.
    Path shards = root.resolve("shards");
    SampleFiles.write(shards, "train.tar", train.end());
    SampleFiles.write(shards, "test.tar", test.end());
    assertIsTheFolder(open(shards));
  }

  @Test
  void images_beyond_the_cache_are_read_from_the_archive() throws Exception {
    Path shards = root.resolve("shards");
    SampleFiles.write(shards, "train.tar", train().end());
    SampleFiles.write(shards, "test.tar", test().end());
    Decoding none = new Decoding(DataLimits.DEFAULT, 0, 0, null);
    DataSet data = DataSets.open(shards.toString(), none, SampleFiles.SILENT);
    assertThat(data.train().readFromFiles()).isEqualTo(4);
    DataSet folderData = open(folder);
    for (int i = 0; i < 4; i++) {
      assertThat(SampleFiles.pixels(data.train(), i))
          .isEqualTo(SampleFiles.pixels(folderData.train(), i));
    }
  }

  @Test
  void samples_that_cannot_be_used_are_named() throws Exception {
    assertRefused(train().add("0005.png", new byte[9]).end(), "x-train.tar: 0005 has no class");
    assertRefused(
        train()
            .add("0005.png", new byte[9])
            .add("0005.jpg", new byte[9])
            .add("0005.cls", "a")
            .end(),
        "the sample 0005 has several images (0005.png, 0005.jpg)");
    assertRefused(
        train().add("0005.png", new byte[9]).add("0005.cls", "").end(), "0005.cls is empty");
    assertRefused(
        train().add("0005.png", new byte[9]).add("0005.json", "{\"id\": 1}").end(),
        "0005.json has no class");
    assertRefused(
        train().add("0005.png", new byte[9]).add("0005.json", "{\"label\"").end(),
        "0005.json is no JSON");
    assertRefused(
        train().add("0005.png", new byte[9]).add("0005.json", "{\"label\": [1]}").end(),
        "0005.json: the class is one text or whole number, under one of category, class, cls");
    assertRefused(
        train().add("0005.png", new byte[9]).add("0005.cls", "a/b").end(),
        "x-train.tar: a/b cannot be the name of a class");
    assertRefused(
        train().add("0001.png", new byte[9]).end(), "x-train.tar has two files called 0001.png");
    assertRefused(train().add("../0005.png", new byte[9]).end(), "leads out of the data set");
    assertRefused(
        train().add("0005.cls", '2', 0, new byte[0]).add("0005.png", "x").end(),
        "0005.cls is a symbolic link; pack the tar archive with the file itself");
    byte[] large = new byte[(1 << 20) + 1];
    assertRefused(
        train().add("0005.cls", large).add("0005.png", "x").end(), "0005.cls has 1048577 bytes");
  }

  @Test
  void images_that_cannot_be_read_are_named() throws Exception {
    Path shards = root.resolve("shards");
    SampleFiles.write(shards, "test.tar", test().end());
    for (String[] each :
        new String[][] {
          {"1", "is a hard link"},
          {"2", "is a symbolic link"},
          {"S", "is stored as a sparse file"},
          {"M", "began in another archive"},
          {"3", "is a device, pipe or special entry"}
        }) {
      SampleFiles.write(
          shards,
          "train.tar",
          train().add("0005.cls", "cat").add("0005.png", each[0].charAt(0), 0, new byte[0]).end());
      assertThatThrownBy(() -> open(shards))
          .isInstanceOf(DataException.class)
          .hasMessageContaining("train.tar: 0005.png " + each[1]);
    }
    SampleFiles.write(
        shards, "train.tar", train().add("0005.cls", "cat").add("0005.png", "no image").end());
    assertThatThrownBy(() -> open(shards))
        .hasMessageContaining("train.tar: 0005.png is neither a JPEG nor a PNG file");
    DataLimits few = new DataLimits(20);
    assertThatThrownBy(() ->
            DataSets.open(shards.toString(), Decoding.DEFAULT.withLimits(few), SampleFiles.SILENT))
        .isInstanceOfSatisfying(DataException.class, e -> assertThat(e.isAboveLimit()).isTrue());
  }

  @Test
  void packed_archives_are_refused_with_how_to_unpack_them() throws Exception {
    for (String name : List.of("train-0.tar.gz", "pets.TGZ")) {
      Path folder = Files.createDirectory(root.resolve("in-" + name));
      Path packed = Files.write(folder.resolve(name), new byte[] {0x1F, (byte) 0x8B});
      for (Path given : List.of(packed, folder)) {
        assertThatThrownBy(() -> DataSets.open(given.toString(), SampleFiles.SILENT))
            .isInstanceOf(DataException.class)
            .hasMessage(
                packed
                    + " is a packed tar archive, whose images cannot be read in any order: unpack"
                    + " it to a .tar file (gunzip) and give that");
      }
    }
  }

  @Test
  void archives_that_are_none_are_named() throws Exception {
    assertRefused(new byte[0], "x-train.tar is empty");
    assertRefused(new byte[] {0x1f, (byte) 0x8b, 1}, "x-train.tar is no tar archive", "gzip file");
    assertRefused(new byte[2000], "holds no images");
    assertRefused(Arrays.copyOf(train().open(), 3000), "is a truncated tar archive");
    Path shards = root.resolve("shards");
    SampleFiles.write(shards, "train.tar", train().end());
    SampleFiles.write(shards, "test.parquet", new byte[9]);
    assertThatThrownBy(() -> open(shards)).hasMessageContaining("holds files of two formats");
    Path many = root.resolve("many");
    SampleFiles.write(many, "train-test.tar", train().end());
    assertThatThrownBy(() -> open(many)).hasMessageContaining("means several splits (test, train)");
    Path none = root.resolve("none");
    SampleFiles.write(none, "0.tar", train().end());
    assertThatThrownBy(() -> open(none))
        .hasMessageContaining("the split of its images is not told");
  }

  @Test
  void columns_of_classes_and_groups_are_keys_of_json() throws Exception {
    Path shards = root.resolve("shards");
    Decoding decoding = Decoding.DEFAULT.withColumns(new Decoding.Columns("kind", "owner"));
    for (String split : new String[] {"train", "test"}) {
      TarFiles tar = new TarFiles();
      for (String kind : new String[] {"cat", "dog"}) {
        tar.add(kind + ".png", image(split + "/" + kind + "/1.png"))
            .add(kind + ".cls", "ignored")
            .add(kind + ".json", "{\"Kind\": \"%s\", \"owner\": \"%s\"}".formatted(kind, split));
      }
      SampleFiles.write(shards, split + ".tar", tar.end());
    }
    DataSet data = DataSets.open(shards.toString(), decoding, SampleFiles.SILENT);
    assertThat(data.train().classNames()).containsExactly("cat", "dog");
    assertThat(Objects.requireNonNull(data.train().groups())[0])
        .isEqualTo(Objects.requireNonNull(data.train().groups())[1]);
    assertThat(Objects.requireNonNull(data.train().groups())[0])
        .isNotEqualTo(Objects.requireNonNull(data.test().groups())[0]);
    SampleFiles.write(shards, "train.tar", train().end());
    assertThatThrownBy(() -> DataSets.open(shards.toString(), decoding, SampleFiles.SILENT))
        .hasMessageContaining("train.tar: 0001 has no class: neither 0001.cls nor 0001.json is");
    Decoding groups = Decoding.DEFAULT.withColumns(new Decoding.Columns(null, "owner"));
    assertThatThrownBy(() -> DataSets.open(shards.toString(), groups, SampleFiles.SILENT))
        .hasMessageContaining("has no group: no .json is there that names it");
  }
}
