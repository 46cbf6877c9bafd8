package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
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
  void a_path_that_holds_no_data_set_is_told_what_is_accepted() throws Exception {
    assertRefused("holds no data set; accepted are: 'generated'", "train/<class>/", "IDX files");
    Path file = Files.writeString(folder.resolve("notes.txt"), "hello");
    assertThatThrownBy(() -> DataSets.open(file.toString(), SampleFiles.SILENT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("notes.txt is not a data set: it begins with \"hello\"; accepted are");
    assertThatThrownBy(() -> DataSets.open(folder + "/none", SampleFiles.SILENT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("none does not exist; accepted are");
  }
}
