package asymml.trusted.data;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import asymml.model.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImageFolderTest {
  private static final Path CIFAR10_ZIP = Path.of("../../shared/data/cifar10-jpeg.zip");

  @TempDir private Path temporary;

  private static DataSet open(Path path) throws DataException {
    return DataSets.open(path.toString(), SampleFiles.SILENT);
  }

  private static void assertRefused(Path path, String... parts) {
    assertThatThrownBy(() -> open(path))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(parts)
        .hasMessageNotContaining("\n");
  }

  private Path folder() throws IOException {
    return SampleFiles.folder(temporary.resolve("pets"));
  }

  @Test
  void a_folder_gives_its_images_sorted_by_class_and_name() throws Exception {
    DataSet data = open(folder());
    assertThat(data.name()).isEqualTo("pets");
    assertThat(data.train().classNames()).containsExactly("cat", "dog");
    assertThat(data.train().shape()).isEqualTo(new Shape(4, 6, 3));
    assertThat(data.train().size()).isEqualTo(4);
    assertThat(data.test().size()).isEqualTo(2);
    assertThat(data.train().label(1)).isZero();
    assertThat(data.train().label(2)).isOne();
    assertThat(SampleFiles.pixels(data.train(), 2)).startsWith(0, 0, 0, 0, 255, 0);
    assertThat(SampleFiles.pixels(data.test(), 1)).startsWith(0, 0, 0, 1, 2, 3);
    assertThat(data.normalization()).isEqualTo(Normalization.of(data.train()));
    assertThat(data.augmentation()).isEqualTo(new Augmentation(true, 0));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "pets/", "a/b/"})
  void a_zip_file_gives_the_same_as_its_folder(String prefix) throws Exception {
    DataSet fromFolder = open(folder());
    for (int method : new int[] {ZipEntry.STORED, ZipEntry.DEFLATED}) {
      Path zip = temporary.resolve("pets" + method + ".zip");
      DataSet fromZip = open(SampleFiles.zip(folder(), zip, prefix, method));
      assertThat(fromZip.train().digest()).isEqualTo(fromFolder.train().digest());
      assertThat(fromZip.test().digest()).isEqualTo(fromFolder.test().digest());
    }
  }

  @Test
  void a_folder_in_a_folder_stands_for_it() throws Exception {
    SampleFiles.folder(temporary.resolve("outer/inner/pets"));
    assertThat(open(temporary.resolve("outer")).train().size()).isEqualTo(4);
  }

  @ParameterizedTest
  @ValueSource(strings = {"val", "valid"})
  void a_validation_split_stands_in_for_a_missing_test_split(String name) throws Exception {
    Path root = folder();
    Files.move(root.resolve("test"), root.resolve(name));
    assertThat(open(root).test().size()).isEqualTo(2);
  }

  @Test
  void the_test_split_goes_before_a_validation_split() throws Exception {
    Path root = folder();
    SampleFiles.write(root, "val/owl/1.png", SampleFiles.png(6, 4, 0xFF000000));
    assertThat(open(root).train().classNames()).containsExactly("cat", "dog");
  }

  @Test
  void what_file_managers_leave_behind_is_ignored() throws Exception {
    Path root = folder();
    for (String litter :
        List.of(".DS_Store", "train/cat/.hidden.png", "train/cat/Thumbs.db", "README.txt")) {
      SampleFiles.write(root, litter, new byte[1]);
    }
    SampleFiles.write(root, "__MACOSX/train/cat/1.png", new byte[1]);
    assertThat(open(root).train().size()).isEqualTo(4);
    Path zip = SampleFiles.zip(root, temporary.resolve("p.zip"), "", ZipEntry.DEFLATED);
    assertThat(open(zip).train().size()).isEqualTo(4);
  }

  @Test
  void gray_images_join_colour_ones() throws Exception {
    Path root = folder();
    SampleFiles.write(root, "train/dog/3.png", SampleFiles.grayPng(6, 4, 77));
    assertThat(SampleFiles.pixels(open(root).train(), 4)).containsOnly(77);
  }

  @Test
  void progress_counts_to_the_total_on_the_callers_thread() throws Exception {
    List<String> heard = new ArrayList<>();
    Thread caller = Thread.currentThread();
    DataSets.open(
        folder().toString(),
        (what, done, total) -> {
          assertThat(Thread.currentThread()).isSameAs(caller);
          heard.add(what + " " + done + " of " + total);
        });
    assertThat(heard)
        .containsExactly(
            "checking training images 4 of 4",
            "checking test images 2 of 2",
            "decoding training images 4 of 4",
            "decoding test images 2 of 2");
  }

  @Test
  void an_odd_sized_image_is_named_with_the_first_one() throws Exception {
    Path root = folder();
    SampleFiles.write(root, "test/dog/2.png", SampleFiles.png(7, 4, 0));
    assertRefused(root, "test/dog/2.png is 7 x 4", "train/cat/1.png has 6 x 4");
  }

  @Test
  void a_corrupt_image_is_named_and_of_several_the_first() throws Exception {
    Path root = folder();
    byte[] jpeg = SampleFiles.jpeg(6, 4, 0xFF808080);
    SampleFiles.write(root, "train/dog/2.jpeg", Arrays.copyOf(jpeg, jpeg.length - 10));
    SampleFiles.write(root, "train/dog/3.jpg", Arrays.copyOf(jpeg, jpeg.length - 9));
    assertRefused(
        root,
        "dog/2.jpeg is corrupt or truncated",
        "; replace it (1 more of these 5 images cannot be used either)");
  }

  @Test
  void what_headers_tell_is_refused_before_anything_is_decoded() throws Exception {
    Path root = folder();
    byte[] jpeg = SampleFiles.jpeg(6, 4, 0xFF808080);
    SampleFiles.write(root, "train/dog/2.jpeg", Arrays.copyOf(jpeg, jpeg.length - 10));
    SampleFiles.write(root, "train/dog/3.jpg", "no image".getBytes(US_ASCII));
    SampleFiles.write(root, "train/dog/4.png", SampleFiles.png(7, 4, 0));
    assertRefused(
        root,
        "dog/3.jpg is neither a JPEG nor a PNG file",
        "remove it (1 more of these 6 images cannot be used either)");
    SampleFiles.write(root, "train/cat/1.png", new byte[0]);
    assertRefused(root, "cat/1.png is empty");
  }

  @Test
  void the_shape_does_not_depend_on_which_file_comes_first() throws Exception {
    Path first = folder();
    SampleFiles.write(first, "train/cat/1.png", SampleFiles.grayPng(6, 4, 77));
    assertThat(open(first).train().shape()).isEqualTo(new Shape(4, 6, 3));
    assertThat(SampleFiles.pixels(open(first).train(), 0)).containsOnly(77);
    assertThat(SampleFiles.pixels(open(first).train(), 2)).startsWith(0, 0, 0, 0, 255, 0);
    Path last = temporary.resolve("last");
    for (String image : List.of("train/a/1.png", "train/b/1.png", "test/a/1.png")) {
      SampleFiles.write(last, image, SampleFiles.grayPng(6, 4, 9));
    }
    SampleFiles.write(last, "test/b/1.png", SampleFiles.grayPng(6, 4, 8));
    assertThat(open(last).train().shape()).isEqualTo(new Shape(4, 6, 1));
    SampleFiles.write(last, "test/b/1.png", SampleFiles.png(6, 4, 0xFF0000FF));
    assertThat(open(last).train().shape()).isEqualTo(new Shape(4, 6, 3));
    assertThat(SampleFiles.pixels(open(last).train(), 1)).containsOnly(9);
    assertThat(SampleFiles.pixels(open(last).test(), 1)).startsWith(0, 0, 0, 0, 0, 255);
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "test"})
  void a_missing_split_is_named(String split) throws Exception {
    Path root = folder();
    Files.move(root.resolve(split), root.resolve("other"));
    assertRefused(root, "pets has no " + split + " split", "add a folder " + split);
    Path zip = SampleFiles.zip(root, temporary.resolve("p.zip"), "", ZipEntry.DEFLATED);
    assertRefused(zip, "p.zip has no " + split + " split");
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "test"})
  void an_empty_class_is_named(String split) throws Exception {
    Path root = folder();
    Files.createDirectories(root.resolve("train/owl"));
    Files.createDirectories(root.resolve("test/owl"));
    SampleFiles.write(
        root, (split.equals("train") ? "test" : "train") + "/owl/1.png", SampleFiles.png(6, 4, 0));
    assertRefused(root, split + "/owl has no images");
  }

  @Test
  void classes_of_one_split_only_are_named() throws Exception {
    Path root = folder();
    SampleFiles.write(root, "train/owl/1.png", SampleFiles.png(6, 4, 0));
    SampleFiles.write(root, "test/emu/1.png", SampleFiles.png(6, 4, 0));
    assertRefused(root, "only in train: owl; only in test: emu");
  }

  @Test
  void one_class_is_too_few() throws Exception {
    SampleFiles.write(temporary, "one/train/a/1.png", SampleFiles.png(6, 4, 0));
    SampleFiles.write(temporary, "one/test/a/1.png", SampleFiles.png(6, 4, 0));
    assertRefused(temporary.resolve("one"), "fewer than two classes");
  }

  @Test
  void files_in_wrong_places_or_of_wrong_kinds_are_named() throws Exception {
    Path root = folder();
    Path deep = SampleFiles.write(root, "train/cat/more/1.png", SampleFiles.png(6, 4, 0));
    assertRefused(root, "train/cat/more", "nested too deeply");
    Files.delete(deep);
    Files.delete(deep.getParent());
    Path shallow = SampleFiles.write(root, "train/1.png", SampleFiles.png(6, 4, 0));
    assertRefused(root, "train/1.png lies outside a class");
    Files.delete(shallow);
    SampleFiles.write(root, "train/cat/3.webp", new byte[9]);
    assertRefused(root, "train/cat/3.webp is not a .jpg, .jpeg or .png file");
  }

  @Test
  void a_damaged_zip_file_is_refused() throws Exception {
    Path zip = SampleFiles.zip(folder(), temporary.resolve("p.zip"), "", ZipEntry.STORED);
    byte[] content = Files.readAllBytes(zip);
    Files.write(zip, Arrays.copyOf(content, content.length / 2));
    assertRefused(zip, "p.zip is truncated or not a zip file");
    byte[] flipped = content.clone();
    // Entries are sorted: the middle of the file lies in an image, whose checksum then fails.
    flipped[content.length / 2] ^= 0x10;
    Files.write(zip, flipped);
    assertRefused(zip, "p.zip: t", "checksum");
  }

  @Test
  void the_real_cifar10_zip_opens_with_its_classes_and_means() throws Exception {
    assumeThat(CIFAR10_ZIP).as("%s is absent: real images are not tested", CIFAR10_ZIP).exists();
    DataSet data = open(CIFAR10_ZIP);
    assertThat(data.train().classNames()).isEqualTo(CifarFiles.NAMES10);
    assertThat(data.train().size()).isEqualTo(50_000);
    assertThat(data.test().size()).isEqualTo(10_000);
    assertThat(data.train().shape()).isEqualTo(new Shape(32, 32, 3));
    for (int c = 0; c < 10; c++) {
      assertThat(data.train().label(5000 * c)).isEqualTo(c);
      assertThat(data.test().label(1000 * c + 999)).isEqualTo(c);
    }
    // The means of CIFAR-10 as commonly stated: 0.4914, 0.4822, 0.4465.
    float[] mean = data.normalization().mean();
    assertThat(mean[0]).isBetween(0.489f, 0.494f);
    assertThat(mean[1]).isBetween(0.480f, 0.485f);
    assertThat(mean[2]).isBetween(0.444f, 0.449f);
    assertThat(data.augmentation()).isEqualTo(new Augmentation(true, 4));
    // The same pixels as by the platform's own conversion of these files' YCbCr to RGB.
    assertThat(data.train().digest())
        .isEqualTo("5ec2f7bd146474654af8b8551cbe4456e21812950acd9af11d010b4a789c79c4");
  }
}
