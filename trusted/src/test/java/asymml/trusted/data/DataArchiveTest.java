package asymml.trusted.data;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Images that do not lie on a disk: the same as in a folder, and nobody learns their names.
class DataArchiveTest {
  private static final String NAME = "pets.sealed";

  @TempDir private Path temporary;

  /// Files in memory; those without content are damaged.
  private record Memory(Map<String, byte[]> files) implements DataArchive {
    static Memory of(Path folder) throws IOException {
      Map<String, byte[]> files = new TreeMap<>();
      try (Stream<Path> all = Files.walk(folder)) {
        for (Path file : all.filter(Files::isRegularFile).toList()) {
          files.put(folder.relativize(file).toString(), Files.readAllBytes(file));
        }
      }
      return new Memory(files);
    }

    @Override
    public String name() {
      return NAME;
    }

    @Override
    public List<String> names() {
      return List.copyOf(files.keySet());
    }

    @Override
    public long size(String name) {
      return Objects.requireNonNull(files.get(name)).length;
    }

    @Override
    public byte[] read(String name) throws IOException {
      byte[] content = Objects.requireNonNull(files.get(name));
      if (content.length == 0) {
        throw new IOException("chunk 3 of 4 does not hold");
      }
      return content.clone();
    }

    @Override
    public void close() {}
  }

  private Memory pets() throws IOException {
    return Memory.of(SampleFiles.folder(temporary.resolve("pets")));
  }

  private static DataSet open(Memory archive) throws DataException {
    return DataSets.open(archive, Decoding.DEFAULT, SampleFiles.SILENT);
  }

  private static void assertRefused(Memory archive, String reason) {
    assertThatThrownBy(() -> open(archive))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith(NAME)
        .hasMessageContaining(reason)
        .hasMessageNotContainingAny("cat", "dog", "train/", "secret", "\n")
        .hasNoCause();
  }

  @Test
  void an_archive_gives_the_same_as_its_folder() throws Exception {
    DataSet fromArchive = open(pets());
    DataSet fromFolder = DataSets.open(temporary.resolve("pets").toString(), SampleFiles.SILENT);
    assertThat(fromArchive.name()).isEqualTo(NAME);
    assertThat(fromArchive.train().classNames()).isEqualTo(fromFolder.train().classNames());
    assertThat(fromArchive.train().digest()).isEqualTo(fromFolder.train().digest());
    assertThat(fromArchive.test().digest()).isEqualTo(fromFolder.test().digest());
    assertThat(fromArchive.normalization()).isEqualTo(fromFolder.normalization());
  }

  private static byte[] png(int size, int type, int level) throws IOException {
    BufferedImage image = new BufferedImage(size, size, type);
    for (int i = 0; i < size * size; i++) {
      image.getRaster().setSample(i % size, i / size, 0, level + i % 2);
    }
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    ImageIO.write(image, "png", file);
    return file.toByteArray();
  }

  @Test
  void what_a_setting_would_mend_is_said_without_the_file() throws Exception {
    Memory archive = pets();
    archive.files().put("train/cat/aa.png", png(64, BufferedImage.TYPE_BYTE_GRAY, 9));
    assertRefused(archive, NAME + " holds images of several sizes, which are not scaled to one");
    assertThatThrownBy(() -> open(archive))
        .matches(e -> e instanceof DataException data && data.isOfAnotherSize());
    Decoding small = new Decoding(new DataLimits(1000), 16, Decoding.DEFAULT.cacheBytes(), null);
    assertThatThrownBy(() -> DataSets.open(archive, small, SampleFiles.SILENT))
        .hasMessage(
            NAME
                + " holds an image of more than 1000 pixels, or a file that is larger than such an"
                + " image")
        .matches(e -> e instanceof DataException data && data.isAboveLimit());
    Memory narrow = pets();
    byte[] dark = png(64, BufferedImage.TYPE_USHORT_GRAY, 1000);
    narrow.files().replaceAll((_, _) -> dark);
    assertRefused(narrow, NAME + " holds an image of 16-bit samples that use a small part");
    assertThatThrownBy(() -> Pixels.requireMemory(NAME, 1000, new Shape(32, 32, 3), 1 << 20))
        .hasMessageStartingWith(NAME + ": 1000 images of 32x32x3 need ")
        .matches(e -> e instanceof DataException data && data.isOfTooMuchMemory());
  }

  @Test
  void what_is_wrong_names_no_file_and_no_class() throws Exception {
    Memory archive = pets();
    archive.files().put("train/cat/secret.txt", "text".getBytes(US_ASCII));
    assertRefused(archive, "holds no <split>/<class>/<image> that can be trained on");
    archive.files().remove("train/cat/secret.txt");
    archive.files().put("train/cat/secret.png", "no image".getBytes(US_ASCII));
    assertRefused(archive, "its owner sees it by 'asymml train --data FOLDER'");
    archive.files().put("train/cat/secret.png", new byte[0]);
    assertRefused(archive, "cannot be read: chunk 3 of 4 does not hold");
    assertRefused(new Memory(Map.of()), "holds no <split>");
    assertRefused(new Memory(Map.of("../secret", new byte[1])), "holds no <split>");
  }
}
