package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Folders with links, pipes, odd names and other splits than expected.
class ImageTreeTest {
  private static final List<String> CLASSES = List.of("cat", "dog");
  private static final Shape SHAPE = new Shape(4, 6, 3);

  @TempDir private Path temporary;

  private Path folder() throws IOException {
    return SampleFiles.folder(temporary.resolve("pets"));
  }

  private static DataSet open(Path path) throws DataException {
    return DataSets.open(path.toString(), SampleFiles.SILENT);
  }

  private static TestSet openTest(Path path, Shape shape, List<String> classes)
      throws DataException {
    return DataSets.openTest(path.toString(), shape, classes, Decoding.DEFAULT, SampleFiles.SILENT);
  }

  private static void assertRefused(Path path, String... parts) {
    assertThatThrownBy(() -> open(path))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(parts)
        .hasMessageNotContaining("\n");
  }

  private static Path pipe(Path path) throws Exception {
    assertThat(new ProcessBuilder("mkfifo", path.toString()).start().waitFor()).isZero();
    return path;
  }

  @Test
  void links_to_images_and_classes_are_followed() throws Exception {
    Path root = folder();
    Path owls = temporary.resolve("owls");
    SampleFiles.write(owls, "1.png", SampleFiles.png(6, 4, 0xFF00FFFF));
    for (String split : List.of("train", "test")) {
      Files.createSymbolicLink(root.resolve(split + "/owl"), owls);
    }
    Files.createSymbolicLink(root.resolve("train/cat/9.png"), owls.resolve("1.png"));
    assertThat(open(root).train().classNames()).containsExactly("cat", "dog", "owl");
    assertThat(open(root).train().size()).isEqualTo(6);
  }

  @ParameterizedTest
  @ValueSource(strings = {"train/cat/loop", "train/loop", "test/dog/loop"})
  void a_link_to_a_folder_around_it_is_a_loop(String link) throws Exception {
    Path root = folder();
    Files.createSymbolicLink(root.resolve(link), Path.of(".."));
    assertRefused(root, link + " is a loop of symbolic links", "remove it");
  }

  @Test
  void a_link_to_nothing_or_to_itself_is_named_with_the_reason() throws Exception {
    Path root = folder();
    Path link = root.resolve("train/cat/x.jpg");
    Files.createSymbolicLink(link, Path.of("/nonexistent/x.jpg"));
    assertRefused(
        root, "cat/x.jpg cannot be read through a symbolic link: no such file or directory; mend");
    Files.delete(link);
    Files.createSymbolicLink(link, Path.of("x.jpg"));
    assertRefused(root, "cat/x.jpg cannot be read through a symbolic link: loop of symbolic links");
    Path whole = Files.createSymbolicLink(temporary.resolve("whole"), temporary.resolve("gone"));
    assertRefused(whole, "whole cannot be read through a symbolic link: no such file");
  }

  @Test
  void a_folder_that_contains_itself_holds_no_data() throws Exception {
    Path root = Files.createDirectories(temporary.resolve("a"));
    Files.createSymbolicLink(root.resolve("again"), Path.of("."));
    assertRefused(root, "a holds no data set");
  }

  @Test
  void pipes_and_devices_are_refused_without_being_opened() throws Exception {
    Path root = folder();
    Path pipe = pipe(root.resolve("train/cat/p.jpg"));
    assertRefused(root, "cat/p.jpg is a pipe, socket or device, not a regular file");
    assertThatThrownBy(() -> ImageFiles.decode(pipe, SHAPE, Decoding.DEFAULT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("is a pipe, socket or device");
    assertRefused(pipe, "p.jpg is a pipe, socket or device");
    Files.delete(pipe);
    Files.createSymbolicLink(pipe, Path.of("/dev/zero"));
    assertRefused(root, "cat/p.jpg is a pipe, socket or device");
    Path idx = Files.createDirectories(temporary.resolve("idx"));
    pipe(idx.resolve("train-images-idx3-ubyte"));
    assertRefused(idx, "train-images-idx3-ubyte is a pipe, socket or device");
    Path cifar = Files.createDirectories(temporary.resolve("cifar"));
    pipe(cifar.resolve("data_batch_1.bin"));
    assertRefused(cifar, "data_batch_1.bin is a pipe, socket or device");
  }

  @Test
  void a_sparse_file_beyond_the_limit_is_refused_by_its_size() throws Exception {
    Path root = folder();
    Path large = root.resolve("train/cat/big.jpg");
    try (var file = new RandomAccessFile(large.toFile(), "rw")) {
      file.setLength(1L << 33);
    }
    assertRefused(root, "cat/big.jpg has 8589934592 bytes, more than an image file");
  }

  @Test
  void what_lies_beside_the_splits_is_not_entered() throws Exception {
    Path root = folder();
    Files.createDirectories(root.resolve("extra"));
    Files.createSymbolicLink(root.resolve("extra/loop"), Path.of(".."));
    Files.createDirectories(root.resolve("lost+found/train"));
    SampleFiles.write(root, "train/@eaDir/cat/1.jpg/SYNO.jpg", new byte[1]);
    SampleFiles.write(root, "train/cat/.@__thumb/1.jpg", new byte[1]);
    assertThat(open(root).train().size()).isEqualTo(4);
  }

  @Test
  void litter_beside_the_data_folder_does_not_hide_it() throws Exception {
    Path outer = temporary.resolve("outer");
    SampleFiles.folder(outer.resolve("pets"));
    SampleFiles.write(outer, "__MACOSX/pets/train/cat/._1.png", new byte[9]);
    SampleFiles.write(outer, "README.txt", new byte[9]);
    assertThat(open(outer).train().size()).isEqualTo(4);
    assertThat(open(outer).name()).isEqualTo("outer");
  }

  @Test
  void of_several_folders_the_one_with_splits_is_taken() throws Exception {
    Path outer = temporary.resolve("outer");
    SampleFiles.folder(outer.resolve("pets"));
    SampleFiles.write(outer, "notes/1/readme.txt", new byte[9]);
    String digest = open(outer).train().digest();
    Path zip = SampleFiles.zip(outer, temporary.resolve("p.zip"), "", ZipEntry.DEFLATED);
    assertThat(open(zip).train().digest()).isEqualTo(digest);
    SampleFiles.folder(outer.resolve("more"));
    assertRefused(outer, "outer holds several data sets, such as more and pets; give one of them");
    SampleFiles.zip(outer, zip, "", ZipEntry.DEFLATED);
    assertRefused(zip, "p.zip holds several data sets, such as more/ and pets/; give one of them");
  }

  @Test
  void names_that_are_not_utf8_are_read_by_their_bytes() throws Exception {
    Path root = folder();
    for (String split : List.of("train", "test")) {
      Path odd = Path.of(URI.create(root.resolve(split).toUri() + "/k%94t"));
      Files.createDirectories(odd);
      Path image = Path.of(URI.create(odd.toUri() + "/%FF%FE.png"));
      Files.write(image, SampleFiles.png(6, 4, 0xFF000000 | split.length()));
    }
    DataSet data = open(root);
    assertThat(data.train().classNames()).containsExactly("cat", "dog", "k\u00F6t");
    assertThat(SampleFiles.pixels(data.train(), 4)).endsWith(0, 0, 5);
  }

  @Test
  void files_whose_names_hold_separators_are_a_tree() throws Exception {
    Path root = Files.createDirectories(temporary.resolve("flat"));
    int level = 1;
    for (String name :
        List.of("train\\a\\1.png", "train\\b\\1.png", "test\\a\\1.png", "test\\b\\1.png")) {
      Files.write(root.resolve("pets\\" + name), SampleFiles.png(6, 4, 0xFF000000 | level++));
    }
    DataSet data = open(root);
    assertThat(data.train().classNames()).containsExactly("a", "b");
    assertThat(SampleFiles.pixels(data.train(), 1)).endsWith(0, 0, 2);
  }

  @Test
  void accents_written_in_two_ways_are_one_name() throws Exception {
    Path root = folder();
    SampleFiles.write(root, "train/\u010D/1.png", SampleFiles.png(6, 4, 0xFF000007));
    SampleFiles.write(root, "test/c\u030C/1.png", SampleFiles.png(6, 4, 0xFF000008));
    assertThat(open(root).train().classNames()).containsExactly("cat", "dog", "\u010D");
    SampleFiles.write(root, "train/c\u030C/1.png", SampleFiles.png(6, 4, 0xFF000009));
    assertRefused(root, "are one name, train/\u010D/1.png; rename or remove one");
  }

  @Test
  void a_test_folder_without_labels_makes_way_for_the_validation_split() throws Exception {
    Path root = folder();
    Files.move(root.resolve("test"), root.resolve("val"));
    SampleFiles.write(root, "test/1.jpg", SampleFiles.jpeg(6, 4, 0xFF123456));
    assertThat(open(root).test().size()).isEqualTo(2);
    // One folder of all test images, as other programs want it.
    Files.createDirectories(root.resolve("test/unknown"));
    Files.move(root.resolve("test/1.jpg"), root.resolve("test/unknown/1.jpg"));
    assertThat(open(root).test().size()).isEqualTo(2);
    Files.move(root.resolve("val"), root.resolve("elsewhere"));
    assertRefused(root, "the classes of the splits differ", "only in test: unknown");
  }

  @Test
  void a_labelled_test_split_with_an_image_outside_its_classes_is_refused() throws Exception {
    Path root = folder();
    SampleFiles.write(root, "test/1.jpg", SampleFiles.jpeg(6, 4, 0xFF123456));
    SampleFiles.write(root, "val/cat/1.png", SampleFiles.png(6, 4, 0xFF123456));
    assertRefused(root, "test/1.jpg lies outside a class");
  }

  @Test
  void the_test_split_is_opened_without_a_training_split() throws Exception {
    Path root = folder();
    TestSet with = openTest(root, SHAPE, CLASSES);
    // Training images are not even looked at.
    SampleFiles.write(root, "train/cat/1.png", new byte[] {1, 2, 3});
    assertThat(openTest(root, SHAPE, CLASSES).images().digest()).isEqualTo(with.images().digest());
    Files.move(root.resolve("train"), temporary.resolve("moved"));
    assertThat(openTest(root, SHAPE, CLASSES).images().digest()).isEqualTo(with.images().digest());
    assertThat(with.name()).isEqualTo("pets");
    assertRefused(root, "pets has no train split");
  }

  @Test
  void the_test_split_takes_shape_and_labels_from_the_model() throws Exception {
    Path root = temporary.resolve("gray");
    SampleFiles.write(root, "test/dog/1.png", SampleFiles.grayPng(6, 4, 9));
    TestSet test = openTest(root, SHAPE, CLASSES);
    assertThat(test.images().shape()).isEqualTo(SHAPE);
    assertThat(test.images().label(0)).isOne();
    assertThat(SampleFiles.pixels(test.images(), 0)).containsOnly(9);
    assertThatThrownBy(() -> openTest(root, SHAPE, List.of("cat", "owl")))
        .hasMessageContaining(
            "gray has a class dog, which the model does not know; it knows cat, owl");
    assertThatThrownBy(() -> openTest(root, new Shape(4, 7, 3), CLASSES))
        .hasMessageContaining("1.png is 6 x 4 pixels (width x height), but the model takes 7 x 4");
    SampleFiles.write(root, "test/dog/2.png", SampleFiles.png(6, 4, 0xFF0000FF));
    assertThatThrownBy(() -> openTest(root, new Shape(4, 6, 1), CLASSES))
        .hasMessageContaining("has colour images, but the model takes gray ones");
  }
}
