package asymml.trusted.data;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BinaryFilesTest {
  @TempDir private Path folder;

  private DataSet open() throws DataException {
    return DataSets.open(folder.toString(), SampleFiles.SILENT);
  }

  private void assertRefused(String... parts) {
    assertThatThrownBy(this::open)
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(parts)
        .hasMessageNotContaining("\n");
  }

  /// Records whose plane c holds `label + 10 c + position`.
  private void cifar(String file, int labelBytes, int... labels) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int label : labels) {
      for (int i = 1; i < labelBytes; i++) {
        out.write(77);
      }
      out.write(label);
      for (int c = 0; c < 3; c++) {
        for (int p = 0; p < 1024; p++) {
          out.write(label + 10 * c + p);
        }
      }
    }
    Files.write(folder.resolve(file), out.toByteArray());
  }

  private void cifar10() throws IOException {
    for (int b = 1; b <= 5; b++) {
      cifar("data_batch_" + b + ".bin", 1, b, 9 - b);
    }
    cifar("test_batch.bin", 1, 3, 0, 9);
  }

  @Test
  void cifar10_planes_become_pixels_in_the_order_of_the_files() throws Exception {
    cifar10();
    DataSet data = open();
    assertThat(data.train().shape()).isEqualTo(new Shape(32, 32, 3));
    assertThat(data.train().size()).isEqualTo(10);
    assertThat(data.test().size()).isEqualTo(3);
    assertThat(data.train().label(4)).isEqualTo(3);
    assertThat(data.train().classNames()).hasSize(10).startsWith("airplane").endsWith("truck");
    assertThat(SampleFiles.pixels(data.train(), 4)).startsWith(3, 13, 23, 4, 14, 24);
    assertThat(data.augmentation()).isEqualTo(new Augmentation(true, 4));
  }

  @Test
  void cifar100_has_fine_labels() throws Exception {
    cifar("train.bin", 2, 99, 0, 42);
    cifar("test.bin", 2, 7);
    DataSet data = open();
    assertThat(data.train().classNames()).hasSize(100);
    assertThat(data.train().classNames().get(data.train().label(0))).isEqualTo("worm");
    assertThat(data.test().classNames().get(data.test().label(0))).isEqualTo("beetle");
    assertThat(SampleFiles.pixels(data.train(), 1)).startsWith(0, 10, 20);
  }

  @Test
  void class_names_that_came_with_the_files_are_used() throws Exception {
    cifar10();
    Files.writeString(folder.resolve("batches.meta.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
    assertThat(open().train().classNames())
        .containsExactly("a", "b", "c", "d", "e", "f", "g", "h", "i", "j");
    Files.writeString(folder.resolve("batches.meta.txt"), "a\nb\n");
    assertRefused("batches.meta.txt names 2 classes, not 10");
  }

  @Test
  void damaged_cifar_files_are_named() throws Exception {
    cifar10();
    Path third = folder.resolve("data_batch_3.bin");
    byte[] content = Files.readAllBytes(third);
    Files.write(third, Arrays.copyOf(content, content.length - 1));
    assertRefused("data_batch_3.bin is truncated or corrupt", "6145 bytes");
    content[3073] = 10;
    Files.write(third, content);
    assertRefused("data_batch_3.bin is corrupt: record 1 names a class");
    Files.delete(third);
    assertRefused("data_batch_3.bin is missing");
  }

  private void idx(String file, int magic, int[] header, int... bytes) throws IOException {
    Path path = folder.resolve(file);
    try (OutputStream raw = Files.newOutputStream(path);
        DataOutputStream out =
            new DataOutputStream(file.endsWith(".gz") ? new GZIPOutputStream(raw) : raw)) {
      out.writeInt(magic);
      for (int length : header) {
        out.writeInt(length);
      }
      for (int b : bytes) {
        out.writeByte(b);
      }
    }
  }

  private void mnist(String infix, String ending) throws IOException {
    idx(
        "train-images" + infix + "3-ubyte" + ending,
        0x803,
        new int[] {3, 2, 1},
        1,
        2,
        3,
        4,
        5,
        255);
    idx("train-labels" + infix + "1-ubyte" + ending, 0x801, new int[] {3}, 7, 1, 4);
    idx("t10k-images" + infix + "3-ubyte" + ending, 0x803, new int[] {1, 2, 1}, 8, 9);
    idx("t10k-labels" + infix + "1-ubyte" + ending, 0x801, new int[] {1}, 4);
  }

  @ParameterizedTest
  @ValueSource(strings = {"-idx", "-idx.gz", ".idx", ".idx.gz"})
  void idx_files_give_gray_images_and_the_classes_that_occur(String kind) throws Exception {
    mnist(kind.replace(".gz", ""), kind.endsWith(".gz") ? ".gz" : "");
    DataSet data = open();
    assertThat(data.train().shape()).isEqualTo(new Shape(2, 1, 1));
    assertThat(data.train().classNames()).containsExactly("1", "4", "7");
    assertThat(data.train().label(0)).isEqualTo(2);
    assertThat(data.test().label(0)).isEqualTo(1);
    assertThat(SampleFiles.pixels(data.train(), 2)).containsExactly(5, 255);
    assertThat(SampleFiles.pixels(data.test(), 0)).containsExactly(8, 9);
    assertThat(data.flip()).isFalse();
  }

  @Test
  void damaged_idx_files_are_named() throws Exception {
    mnist("-idx", ".gz");
    String images = "train-images-idx3-ubyte.gz";
    idx(images, 0x803, new int[] {3, 2, 1}, 1, 2, 3, 4, 5);
    assertRefused(images + " is truncated or corrupt");
    idx(images, 0x803, new int[] {3, 2, 1}, 1, 2, 3, 4, 5, 6, 7);
    assertRefused(images + " is corrupt: it is longer");
    idx(images, 0xD03, new int[] {3, 2, 1}, 1, 2, 3, 4, 5, 6);
    assertRefused(images + " is no IDX file of images", "begins with 00000d03");
    idx(images, 0x803, new int[] {-3, 2, 1});
    assertRefused(images + " is corrupt: its header claims -3 images");
    idx(images, 0x803, new int[] {Integer.MAX_VALUE, 1 << 14, 1 << 14});
    assertRefused(images, "its header claims", "cannot hold");
    Files.write(folder.resolve(images), new byte[] {1, 2, 3});
    assertRefused(images + " is not gzipped and no IDX file", "begins with 010203");
    Files.write(folder.resolve(images), new byte[0]);
    assertRefused(images + " is not gzipped and no IDX file", "it is empty");
    Files.write(folder.resolve(images), new byte[] {0x1F, (byte) 0x8B, 8, 0});
    assertRefused(images + " is truncated or corrupt");
    Files.write(folder.resolve(images), new byte[] {0x1F, (byte) 0x8B, 7, 0, 0, 0, 0, 0, 0, 0});
    assertRefused(images + " is damaged: its gzip data cannot be unpacked");
  }

  @Test
  void idx_files_that_do_not_belong_together_are_named() throws Exception {
    mnist("-idx", "");
    idx("t10k-images-idx3-ubyte", 0x803, new int[] {1, 1, 2}, 8, 9);
    assertRefused("t10k-images-idx3-ubyte has images of 1x2x1, but", "of 2x1x1");
    mnist("-idx", "");
    idx("train-labels-idx1-ubyte", 0x801, new int[] {2}, 7, 1);
    assertRefused("train-labels-idx1-ubyte has 2 labels, but", "3 images");
    mnist("-idx", "");
    idx("t10k-labels-idx1-ubyte", 0x801, new int[] {1}, 5);
    assertRefused("t10k-labels-idx1-ubyte has a class that no training image has");
    Files.delete(folder.resolve("t10k-labels-idx1-ubyte"));
    assertRefused("t10k-labels-idx1-ubyte is missing");
  }

  @Test
  void the_content_tells_whether_an_idx_file_is_gzipped() throws Exception {
    mnist("-idx", ".gz");
    String images = "train-images-idx3-ubyte.gz";
    byte[] plain;
    try (InputStream in = new GZIPInputStream(Files.newInputStream(folder.resolve(images)))) {
      plain = in.readAllBytes();
    }
    String digest = open().train().digest();
    Files.write(folder.resolve(images), plain);
    assertThat(open().train().digest()).isEqualTo(digest);
    Files.move(
        folder.resolve("t10k-images-idx3-ubyte.gz"), folder.resolve("t10k-images-idx3-ubyte"));
    assertThat(open().train().digest()).isEqualTo(digest);
  }

  @Test
  void what_stands_in_for_an_idx_file_is_named() throws Exception {
    mnist("-idx", ".gz");
    Path images = folder.resolve("train-images-idx3-ubyte.gz");
    Files.writeString(images, "\n<html><head><title>404</title>");
    assertRefused(
        "ubyte.gz is not gzipped and no IDX file", "is a web page", "begins with \"<html><h\"");
    byte[] whole = Files.readAllBytes(folder.resolve("t10k-images-idx3-ubyte.gz"));
    Files.write(images, Arrays.copyOf(whole, whole.length - 12));
    assertRefused("ubyte.gz is truncated or corrupt: it ends before its header says");
    whole[whole.length - 5] ^= 1;
    Files.write(images, whole);
    assertRefused("ubyte.gz is damaged: its gzip data cannot be unpacked");
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(images))) {
      out.write("ustar".getBytes(US_ASCII));
    }
    assertRefused("ubyte.gz is no IDX file", "what it unpacks to begins with \"ustar\"");
    Files.writeString(folder.resolve("train-images-idx3-ubyte"), "BZh91AY&SY");
    assertRefused("is a bzip2 file, which is not read as it is: unpack it");
  }

  @Test
  void counts_that_a_file_cannot_hold_are_refused_before_memory_is_taken() throws Exception {
    mnist("-idx", ".gz");
    idx("train-images-idx3-ubyte.gz", 0x803, new int[] {1 << 30, 1, 1}, 1, 2, 3);
    assertRefused("its header claims 1073741840 bytes, which a file of", "bytes cannot hold");
    Files.delete(folder.resolve("train-images-idx3-ubyte.gz"));
    idx("train-images-idx3-ubyte", 0x803, new int[] {4, 2, 1}, 1, 2, 3, 4, 5, 6, 7);
    assertRefused("its header claims 24 bytes, which a file of 23 bytes cannot hold");
  }

  private TestSet openTest(Shape shape, String... classNames) throws DataException {
    return DataSets.openTest(
        folder.toString(), shape, List.of(classNames), Decoding.DEFAULT, SampleFiles.SILENT);
  }

  @Test
  void the_test_files_of_idx_are_enough_for_a_model_that_is_there() throws Exception {
    mnist("-idx", "");
    Files.delete(folder.resolve("train-images-idx3-ubyte"));
    Files.delete(folder.resolve("train-labels-idx1-ubyte"));
    ImageSet test = openTest(new Shape(2, 1, 1), "1", "4", "7").images();
    assertThat(test.size()).isOne();
    assertThat(test.label(0)).isOne();
    assertThatThrownBy(() -> openTest(new Shape(2, 1, 1), "1", "7"))
        .hasMessageContaining("has a class that the model does not know");
    assertThatThrownBy(() -> openTest(new Shape(2, 1, 1), "cat", "dog"))
        .hasMessageContaining("numbers its classes, but the model calls one cat");
    assertThatThrownBy(() -> openTest(new Shape(28, 28, 1), "1", "4", "7"))
        .hasMessageContaining("does not fit the model: it has 2x1x1 images of 3 classes");
    assertRefused("train-images-idx3-ubyte is missing");
  }

  @Test
  void the_test_file_of_cifar_is_enough_for_a_model_that_is_there() throws Exception {
    cifar("test_batch.bin", 1, 3, 0, 9);
    String[] names = CifarFiles.NAMES10.toArray(String[]::new);
    assertThat(openTest(new Shape(32, 32, 3), names).images().size()).isEqualTo(3);
    assertRefused("data_batch_1.bin is missing");
    Files.writeString(folder.resolve("batches.meta.txt"), "a\na\nc\nd\ne\nf\ng\nh\ni\nj\n");
    assertThatThrownBy(() -> openTest(new Shape(32, 32, 3), names))
        .hasMessageContaining("batches.meta.txt names a class twice");
    Files.writeString(
        folder.resolve("batches.meta.txt"), "a\u001b[2J\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
    assertThatThrownBy(() -> openTest(new Shape(32, 32, 3), names))
        .hasMessageContaining("the name \"a\\u001b[2J\" has a control character");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1f8b08 | is a gzip file, which is not read as it is: unpack it",
        "377abcaf | is a 7z archive",
        "526172211a07 | is a RAR archive",
        "fd377a585a00 | is a xz file",
        "28b52ffd | is a zstd file",
        "3c21444f43 | is a web page or other markup",
      })
  void archives_that_are_not_read_are_named(String hex, String what) throws Exception {
    Path file = Files.write(folder.resolve("pets"), HexFormat.of().parseHex(hex));
    assertThatThrownBy(() -> DataSets.open(file.toString(), SampleFiles.SILENT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("pets is not a data set: it " + what);
    byte[] tar = new byte[512];
    System.arraycopy("ustar".getBytes(US_ASCII), 0, tar, 257, 5);
    tar[0] = 'x';
    Files.write(file, tar);
    assertThatThrownBy(() -> DataSets.open(file.toString(), SampleFiles.SILENT))
        .hasMessageContaining("it is a tar archive");
  }

  @Test
  void data_of_another_form_are_named() throws Exception {
    mnist("-idx", ".gz");
    Path zip = SampleFiles.zip(folder, folder.resolve("mnist.zip"), "a/", ZipEntry.STORED);
    assertThatThrownBy(() -> DataSets.open(zip.toString(), SampleFiles.SILENT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("which are not read from a zip file; unpack it and give the folder");
    Path python = Files.createDirectories(folder.resolve("python"));
    Files.write(python.resolve("data_batch_1"), new byte[9]);
    assertThatThrownBy(() -> DataSets.open(python.toString(), SampleFiles.SILENT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("holds the Python version of CIFAR, which is not read");
  }

  @Test
  void a_path_that_holds_no_data_set_is_told_what_is_accepted() throws Exception {
    assertRefused("holds no data set; accepted are: 'generated'", "train/<class>/", "IDX files");
    Path file = Files.writeString(folder.resolve("notes.txt"), "hello");
    assertThatThrownBy(() -> DataSets.open(file.toString(), SampleFiles.SILENT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining(
            "notes.txt is not a data set: it begins with \"hello\"; accepted are");
    assertThatThrownBy(() -> DataSets.open(folder + "/none", SampleFiles.SILENT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("none does not exist; accepted are");
  }
}
