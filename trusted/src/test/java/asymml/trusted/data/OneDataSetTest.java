package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.trusted.data.format.ParquetFiles;
import asymml.trusted.data.format.TarFiles;
import java.awt.image.BufferedImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.ZipEntry;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// 500 images of many sizes and kinds, in each form that data sets are given in.
class OneDataSetTest {
  private static final int IMAGES = 500;
  private static final int SIZE = 16;
  private static final int[] TYPES = {
    BufferedImage.TYPE_INT_RGB, BufferedImage.TYPE_BYTE_GRAY, BufferedImage.TYPE_BYTE_INDEXED
  };

  @TempDir private static Path root;
  private static DataSet folder;

  private record Image(String split, String label, String name, byte[] content) {
    String path() {
      return split + "/" + label + "/" + name;
    }
  }

  /// In the order of their paths, as a folder has them.
  private static List<Image> images() {
    Random random = new Random(18);
    List<Image> images = new ArrayList<>();
    for (int i = 0; i < IMAGES; i++) {
      BufferedImage image =
          new BufferedImage(
              SIZE - 6 + random.nextInt(40),
              SIZE - 6 + random.nextInt(40),
              TYPES[i % TYPES.length]);
      for (int y = 0; y < image.getHeight(); y++) {
        for (int x = 0; x < image.getWidth(); x++) {
          image.setRGB(x, y, 0xFF000000 | random.nextInt(1 << 24));
        }
      }
      boolean jpeg = i % 2 == 0 && TYPES[i % TYPES.length] != BufferedImage.TYPE_BYTE_INDEXED;
      int k = i * 5 / IMAGES;
      images.add(
          new Image(
              k == 4 ? "test" : "train",
              "class" + (k == 4 ? i % 5 / 3 : k / 2),
              "%04d.%s".formatted(i, jpeg ? "jpg" : "png"),
              SampleFiles.encode(image, jpeg ? "jpeg" : "png")));
    }
    images.sort((a, b) -> a.path().compareTo(b.path()));
    return images;
  }

  @BeforeAll
  static void write() throws Exception {
    List<Image> images = images();
    StringBuilder table = new StringBuilder("path,label,split\n");
    TarFiles tree = new TarFiles();
    for (Image each : images) {
      SampleFiles.write(root.resolve("folder"), each.path(), each.content());
      table.append("folder/%s,%s,%s%n".formatted(each.path(), each.label(), each.split()));
      tree.add(each.path(), each.content());
    }
    // What lies about in folders.
    SampleFiles.write(root, "folder/train/class0/Thumbs.db", new byte[9]);
    SampleFiles.write(root, "folder/train/.DS_Store", new byte[9]);
    SampleFiles.write(root, "folder/__MACOSX/train/class0/._0001.png", new byte[9]);
    SampleFiles.zip(root.resolve("folder"), root.resolve("images.zip"), "", ZipEntry.DEFLATED);
    Files.writeString(root.resolve("table.csv"), table);
    Files.write(root.resolve("tree.tar"), tree.end());
    for (String split : List.of("train", "test")) {
      List<Image> of = images.stream().filter(i -> i.split().equals(split)).toList();
      // Shards of 150.
      for (int from = 0; from < of.size(); from += 150) {
        List<Image> part = of.subList(from, Math.min(of.size(), from + 150));
        TarFiles tar = new TarFiles();
        List<@Nullable Object> bytes = new ArrayList<>();
        for (Image each : part) {
          String key = each.name().substring(0, 4);
          tar.add(each.name(), each.content()).add(key + ".cls", each.label());
          bytes.add(each.content());
        }
        String name = split + "-" + from / 150;
        SampleFiles.write(root, "shards/" + name + ".tar", tar.end());
        SampleFiles.write(
            root,
            "hub/data/" + name + ".parquet",
            new ParquetFiles()
                .column("image.bytes", bytes)
                .column("label", part.stream().map(i -> (long) i.label().charAt(5) - '0').toList())
                .metadata(
                    "huggingface",
                    "{\"info\":{\"features\":{\"label\":{\"names\":[\"class0\",\"class1\"]}}}}")
                .rows(100, 20)
                .packed(ParquetFiles.SNAPPY)
                .write());
      }
    }
    folder = open("folder", Long.MAX_VALUE);
  }

  private static DataSet open(String name, long cacheBytes) throws DataException {
    return DataSets.open(
        root.resolve(name).toString(),
        new Decoding(DataLimits.DEFAULT, SIZE, cacheBytes, null),
        SampleFiles.SILENT);
  }

  @Test
  void the_folder_has_all_images() {
    assertThat(folder.train().size()).isEqualTo(400);
    assertThat(folder.test().size()).isEqualTo(100);
    assertThat(folder.train().classNames()).containsExactly("class0", "class1");
    assertThat(folder.train().distinct().size()).isEqualTo(400);
  }

  /// The digest covers pixels, labels, classes and their order: whatever is computed from one is
  /// computed from the other, to the bit.
  @ParameterizedTest
  @ValueSource(strings = {"images.zip", "table.csv", "tree.tar", "shards", "hub"})
  void each_form_is_the_same_data_set(String form) throws Exception {
    for (long cacheBytes : new long[] {Long.MAX_VALUE, 100_000, 0}) {
      DataSet data = open(form, cacheBytes);
      assertThat(data.train().digest()).isEqualTo(folder.train().digest());
      assertThat(data.test().digest()).isEqualTo(folder.test().digest());
      assertThat(data.normalization()).isEqualTo(folder.normalization());
      for (int i = 0; i < data.train().size(); i += 37) {
        assertThat(SampleFiles.pixels(data.train(), i))
            .isEqualTo(SampleFiles.pixels(folder.train(), i));
      }
    }
  }
}
